//! Splits a migration file into statements.

/// The statements, without leading comments and white space.
pub(super) fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            rest = after_comments(rest);
            if rest.is_empty() {
                return None;
            }
            let end = end_of_statement(rest);
            let statement = rest[..end].trim_end();
            rest = rest.get(end + 1..).unwrap_or_default();
            if !statement.is_empty() {
                return Some(statement);
            }
        }
    })
}

/// Whether MySQL commits implicitly before and after the statement, so that it cannot be part of a
/// transaction.
pub(super) fn commits_by_itself(statement: &str) -> bool {
    let word = statement.split_whitespace().next().unwrap_or_default();
    let word = word.to_ascii_lowercase();
    ["create", "alter", "drop", "rename", "truncate"].contains(&word.as_str())
}

fn after_comments(text: &str) -> &str {
    let mut rest = text.trim_start();
    while rest.starts_with("--") {
        rest = rest.split_once('\n').map_or("", |it| it.1).trim_start();
    }
    rest
}

/// The position of the statement's semicolon, or the end of the text.
fn end_of_statement(text: &str) -> usize {
    let mut quote = None;
    let mut is_comment = false;
    for (index, it) in text.bytes().enumerate() {
        match (quote, it) {
            _ if is_comment => is_comment = it != b'\n',
            (Some(open), _) if it == open => quote = None,
            (Some(_), _) => {}
            (None, b'\'' | b'"' | b'`') => quote = Some(it),
            (None, b'-') if text[index..].starts_with("--") => is_comment = true,
            (None, b';') => return index,
            (None, _) => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_semicolon_in_a_literal_or_comment_does_not_end_a_statement() {
        let text = "
            -- One; two.
            create table a (
                b text -- not; here, it's
            );
            insert into a (b) values ('x;''y'), (\"z;\");;
            -- The end.
            drop table a";
        let found: Vec<_> = split(text).collect();
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].starts_with("create table a") && found[0].ends_with(')'));
        assert_eq!(found[1], "insert into a (b) values ('x;''y'), (\"z;\")");
        assert_eq!(found[2], "drop table a");
        assert_eq!(split("-- nothing").count(), 0);
    }

    #[test]
    fn schema_changes_commit_implicitly() {
        assert!(commits_by_itself("create table a (b text)"));
        assert!(commits_by_itself("Alter table a add column c bigint"));
        assert!(!commits_by_itself("insert into a (b) values ('drop')"));
    }
}
