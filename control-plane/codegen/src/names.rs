//! AWS's names as Rust writes them.

/// `FunctionName` → `function_name`, `KMSKeyArn` → `kms_key_arn`, `S3Bucket` → `s3_bucket`.
pub fn snake_case(name: &str) -> String {
    let characters: Vec<char> = name.chars().collect();
    let mut snake = String::with_capacity(name.len() + 4);
    for (at, character) in characters.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|before| characters.get(before));
        let after = characters.get(at + 1);
        let starts_word = character.is_ascii_uppercase()
            && before.is_some_and(|before| {
                !before.is_ascii_uppercase() || after.is_some_and(char::is_ascii_lowercase)
            });
        if starts_word {
            snake.push('_');
        }
        snake.push(character.to_ascii_lowercase());
    }
    snake
}

/// A member's name as a field.
pub fn field(name: &str) -> String {
    let snake = snake_case(name);
    if snake == "type" { "type_".to_owned() } else { snake }
}

/// A shape's name as a static.
pub fn upper(name: &str) -> String {
    snake_case(name).to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_begin_at_capitals_and_acronyms_are_one_word() {
        for (name, expected) in [
            ("FunctionName", "function_name"),
            ("KMSKeyArn", "kms_key_arn"),
            ("SourceKMSKeyArn", "source_kms_key_arn"),
            ("S3Bucket", "s3_bucket"),
            ("UUID", "uuid"),
            ("CodeSha256", "code_sha256"),
            ("Ipv6AllowedForDualStack", "ipv6_allowed_for_dual_stack"),
        ] {
            assert_eq!(snake_case(name), expected);
        }
    }

    #[test]
    fn a_keyword_gets_an_underscore() {
        assert_eq!(field("Type"), "type_");
    }
}
