//! Settings: where they come from, and how they are shown.

use super::*;

fn command() -> Command {
    Config::augment_args(Command::new("origin"))
}

#[test]
fn a_file_replaces_defaults_and_a_flag_replaces_the_file() {
    let file = "shop_name = \"Teal\"\nlow_stock = 3\nlog = \"debug\"";
    let command = with_file(command(), file).unwrap();
    let matches = command
        .clone()
        .try_get_matches_from(["origin", "--log", "trace"])
        .unwrap();
    let keys = ["shop_name", "low_stock", "log"].map(str::to_owned);
    let text = describe(&command, &matches, &keys);
    for (key, value, from) in [
        ("shop_name", "\"Teal\"", "file"),
        ("low_stock", "\"3\"", "file"),
        ("log", "\"trace\"", "flag"),
        ("currency", "\"USD\"", "default"),
    ] {
        let line = text
            .lines()
            .find(|line| line.starts_with(&format!("{key} =")))
            .unwrap();
        assert!(line.contains(value) && line.ends_with(from), "{line}");
    }
}

#[test]
fn passwords_are_masked() {
    let url = "mysql://shop:s3cret@db.example/shop";
    let matches = command()
        .try_get_matches_from(["origin", "--database-url", url, "--operator-token", "t0ken"])
        .unwrap();
    let text = describe(&command(), &matches, &[]);
    assert!(
        !text.contains("s3cret") && !text.contains("t0ken"),
        "{text}"
    );
    assert!(text.contains("mysql://shop:***@db.example/shop"), "{text}");
}

#[test]
fn a_mistyped_setting_is_named() {
    let error = with_file(command(), "shopname = \"Teal\"").unwrap_err();
    assert!(error.contains("`shopname`"), "{error}");
    assert!(
        with_file(command(), "low_stock = [1]")
            .unwrap_err()
            .contains("`low_stock`")
    );
}

#[test]
fn a_base_url_has_no_path() {
    assert_eq!(
        parse_base_url("https://shop.example/").unwrap(),
        "https://shop.example"
    );
    for bad in [
        "shop.example",
        "ftp://shop.example",
        "https://shop.example/de",
    ] {
        assert!(parse_base_url(bad).is_err(), "{bad}");
    }
}

#[test]
fn every_setting_has_an_environment_variable_and_a_sentence() {
    for arg in command().get_arguments().filter(|arg| is_setting(arg)) {
        let expected = format!("MALLARD_{}", arg.get_id().as_str().to_uppercase());
        assert_eq!(
            arg.get_env().and_then(|name| name.to_str()),
            Some(expected.as_str())
        );
        assert!(arg.get_help().is_some(), "{}", arg.get_id());
    }
}
