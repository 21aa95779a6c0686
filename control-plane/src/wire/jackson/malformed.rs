//! Pure: what is wrong with bytes that are not JSON, in Jackson's words.

use std::fmt;

/// Bytes are not JSON: what is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    pub(super) problem: Problem,
    pub(super) line: usize,
    pub(super) column: usize,
}

/// What it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Problem {
    /// [AWS: recorded]
    InvalidUtf8Start(u8),
    InvalidUtf8Middle(u8),
    /// [AWS: recorded, for `expected a valid value`]
    UnexpectedCharacter(char, &'static str),
    UnrecognizedToken(String),
    EndOfInput(&'static str),
    UnescapedControl(u8),
    UnrecognizedEscape(char),
    TooDeep,
}

/// Deepest nesting that Jackson reads by default.
pub(super) const MAX_DEPTH: usize = 1000;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.problem {
            Problem::InvalidUtf8Start(byte) => write!(f, "Invalid UTF-8 start byte 0x{byte:x}")?,
            Problem::InvalidUtf8Middle(byte) => write!(f, "Invalid UTF-8 middle byte 0x{byte:x}")?,
            Problem::UnexpectedCharacter(character, expected) => {
                write!(f, "Unexpected character ({}): {expected}", Described(*character))?;
            }
            Problem::UnrecognizedToken(token) => write!(
                f,
                "Unrecognized token '{token}': was expecting (JSON String, Number, Array, Object or token 'null', \
                 'true' or 'false')"
            )?,
            Problem::EndOfInput(place) => write!(f, "Unexpected end-of-input{place}")?,
            Problem::UnescapedControl(byte) => write!(
                f,
                "Illegal unquoted character ((CTRL-CHAR, code {byte})): has to be escaped using backslash to be \
                 included in string value"
            )?,
            Problem::UnrecognizedEscape(character) => {
                write!(f, "Unrecognized character escape {}", Described(*character))?;
            }
            Problem::TooDeep => write!(
                f,
                "Document nesting depth ({}) exceeds the maximum allowed ({MAX_DEPTH}, from \
                 `StreamReadConstraints.getMaxNestingDepth()`)",
                MAX_DEPTH + 1
            )?,
        }
        write!(
            f,
            "\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: {}, column: {}]",
            self.line, self.column
        )
    }
}

/// A character as Jackson names it.
struct Described(char);

impl fmt::Display for Described {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = u32::from(self.0);
        if self.0.is_control() {
            write!(f, "(CTRL-CHAR, code {code})")
        } else if code > 255 {
            write!(f, "'{}' (code {code} / 0x{code:x})", self.0)
        } else {
            write!(f, "'{}' (code {code})", self.0)
        }
    }
}
