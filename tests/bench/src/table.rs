//! Pure: the report as text, for a terminal and for the README.

use std::{fmt::Write, iter};

use crate::report::{Report, Row};

/// Columns, and which of them hold figures.
const COLUMNS: [(&str, Align); 8] = [
    ("", Align::Left),
    ("unit", Align::Left),
    ("Lambdock", Align::Right),
    ("peer", Align::Right),
    ("", Align::Left),
    ("ratio", Align::Right),
    ("budget", Align::Right),
    ("", Align::Left),
];

#[derive(Clone, Copy)]
enum Align {
    Left,
    Right,
}

type Cells = [String; COLUMNS.len()];

/// The report in aligned columns, machine facts first.
pub(crate) fn text(report: &Report) -> String {
    let lines: Vec<Cells> = iter::once(headings()).chain(report.rows.iter().map(cells)).collect();
    let widths = std::array::from_fn::<usize, { COLUMNS.len() }, _>(|column| {
        lines.iter().map(|line| width(&line[column])).max().unwrap_or(0)
    });
    let mut out = format!("{}\n\n", report.machine);
    for line in &lines {
        let padded = line.iter().zip(widths).zip(COLUMNS).map(|((cell, wide), (_, align))| {
            let space = " ".repeat(wide - width(cell));
            match align {
                Align::Left => format!("{cell}{space}"),
                Align::Right => format!("{space}{cell}"),
            }
        });
        let joined = padded.collect::<Vec<_>>().join("  ");
        out.push_str(joined.trim_end());
        out.push('\n');
    }
    out
}

/// The report as a Markdown table, machine facts below it.
pub(crate) fn markdown(report: &Report) -> String {
    let mut out = String::new();
    row(&mut out, &headings());
    let rule = |(_, align)| match align {
        Align::Left => "|---",
        Align::Right => "|--:",
    };
    out.extend(COLUMNS.map(rule));
    out.push_str("|\n");
    for line in &report.rows {
        row(&mut out, &cells(line));
    }
    let _infallible = write!(out, "\n{}\n", report.machine);
    out
}

fn row(out: &mut String, cells: &Cells) {
    for cell in cells {
        let _infallible = write!(out, "| {} ", cell.replace('|', "\\|"));
    }
    out.push_str("|\n");
}

fn headings() -> Cells {
    COLUMNS.map(|(heading, _)| heading.to_owned())
}

fn cells(row: &Row) -> Cells {
    [
        row.name.clone(),
        row.unit.to_owned(),
        row.ours.map_or_else(|| "?".to_owned(), figure),
        row.peer.map(figure).unwrap_or_default(),
        row.peer_name.clone().unwrap_or_default(),
        row.ratio.map(|ratio| format!("{} ×", figure(ratio))).unwrap_or_default(),
        row.rule.map(|rule| rule.to_string()).unwrap_or_default(),
        match row.held {
            Some(true) => "held",
            Some(false) => "missed",
            None => "",
        }
        .to_owned(),
    ]
}

/// A number as people read it: three digits that count, no exponent.
pub(crate) fn figure(value: f64) -> String {
    match value.abs() {
        size if size >= 99.95 => format!("{value:.0}"),
        size if size >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

fn width(cell: &str) -> usize {
    cell.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{budget::Budget, machine::Machine};

    fn report() -> Report {
        let machine = Machine {
            processor: "Example".to_owned(),
            cores: 2,
            memory_gib: 24.0,
            kernel: "6.1".to_owned(),
            load: "0.10".to_owned(),
            engine: "Engine 20.10".to_owned(),
        };
        let rows = vec![
            Row::new("Warm invoke, Rust, 100 B, p50", "ms", Some(0.5))
                .beside("emulator", Some(0.76))
                .within(Budget::TimesPeerAtMost(1.0)),
            Row::new("a|b", "MiB", Some(123.0)).within(Budget::AtMost(12.0)),
            Row::new("unknown", "MiB", None),
        ];
        Report { machine, rows }
    }

    #[test]
    fn columns_of_the_text_are_aligned() {
        let text = text(&report());
        let lines: Vec<&str> = text.lines().skip_while(|line| !line.is_empty()).skip(1).collect();
        let column =
            |line: &str, what: &str| line.chars().count() - line.split(what).last().unwrap().chars().count();
        assert_eq!(column(lines[0], "Lambdock"), column(lines[1], "0.50"));
        assert_eq!(column(lines[1], "0.50"), column(lines[2], "123"));
        assert!(lines[1].ends_with("0.66 ×   ≤ 1 ×  held"), "{}", lines[1]);
        assert!(lines[2].ends_with("≤ 12.0  missed"), "{}", lines[2]);
        assert!(lines[3].ends_with('?'), "{}", lines[3]);
    }

    #[test]
    fn machine_facts_stand_above_the_text_and_below_the_markdown() {
        assert!(text(&report()).starts_with("2 cores, Example"));
        assert!(markdown(&report()).trim_end().ends_with("Engine 20.10"));
    }

    #[test]
    fn markdown_cells_cannot_break_the_table() {
        let markdown = markdown(&report());
        assert!(markdown.contains("| a\\|b | MiB | 123 |"), "{markdown}");
        assert!(markdown.lines().take(5).all(|line| line.replace("\\|", "").matches('|').count() == 9));
    }

    #[test]
    fn figures_have_three_digits_that_count() {
        assert_eq!(
            [0.7612, 9.996, 13.44, 99.96, 1154.2].map(figure),
            ["0.76", "10.0", "13.4", "100", "1154"].map(str::to_owned)
        );
    }
}
