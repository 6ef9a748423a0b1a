//! Turns AWS's names into Rust's.

/// `ResourceARN` becomes `resource_arn`, `DNSName` becomes `dns_name`.
pub fn snake(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut snake = String::new();
    for (index, letter) in letters.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|before| letters.get(before));
        let after = letters.get(index + 1);
        let starts_word = letter.is_ascii_uppercase()
            && before.is_some_and(|before| {
                !before.is_ascii_uppercase() || after.is_some_and(|after| after.is_ascii_lowercase())
            });
        if starts_word && !snake.ends_with('_') {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// A field's or method's name: [`snake`], escaped where it is a keyword.
pub fn field(name: &str) -> String {
    let name = snake(name);
    match name.as_str() {
        "type" | "match" | "ref" | "where" | "in" | "for" | "use" | "loop" | "static" | "move" | "final"
        | "virtual" | "override" | "return" | "yield" | "enum" | "struct" | "fn" | "impl" | "if" | "else" => {
            format!("r#{name}")
        }
        _ => name,
    }
}

/// `ResourceArn` becomes `RESOURCE_ARN`.
pub fn constant(name: &str) -> String {
    snake(name).to_ascii_uppercase()
}

/// What serde makes of a snake-case field under `rename_all = "camelCase"`.
pub fn serde_camel(snake: &str) -> String {
    lower_first(&serde_pascal(snake))
}

/// What serde makes of a snake-case field under `rename_all = "PascalCase"`.
pub fn serde_pascal(snake: &str) -> String {
    snake.split('_').map(upper_first).collect()
}

/// The name with its first letter in upper case.
pub fn upper_first(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

fn lower_first(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_words() {
        for (name, wanted) in [
            ("roleArn", "role_arn"),
            ("ResourceARN", "resource_arn"),
            ("ARN", "arn"),
            ("DNSName", "dns_name"),
            ("KmsKeyId", "kms_key_id"),
            ("EC2InstanceId", "ec2_instance_id"),
            ("tag_keys", "tag_keys"),
        ] {
            assert_eq!(snake(name), wanted);
        }
        assert_eq!(field("Type"), "r#type");
        assert_eq!(serde_camel("role_arn"), "roleArn");
        assert_eq!(serde_pascal("role_arn"), "RoleArn");
    }
}
