//! Small files written by hand.

use super::*;

#[test]
fn json_lines_become_products_and_a_bad_line_is_named() {
    let text = concat!(
        r#"{"type":"category","external_id":"tea","names":{"en":"Tea","zh":"茶"}}"#,
        "\n",
        r#"{"type":"product","external_id":"a","category":"tea","names":{"en":"Pot"},"price":"12.50"}"#,
        "\n",
        r#"{"type":"product","external_id":"b","names":{"en":"Cup"},"price":"1.005"}"#,
        "\n",
        r#"{"type":"product","external_id":"c","names":{"en":"Jug"},"price":7}"#,
        "\n",
    );
    let (found, done) = read_text(Format::Jsonl, text);
    done.unwrap();
    assert_eq!(found.bad_fields(), [(3, "price")]);
    assert_eq!(found.product("a").variants[0].price.minor, 1_250);
    assert_eq!(found.product("c").variants[0].price.minor, 700);
}

#[test]
fn no_bytes_make_a_format_panic() {
    for format in [
        Format::Csv,
        Format::Jsonl,
        Format::Dummyjson,
        Format::Typesense,
        Format::Saleor,
        Format::Spree,
    ] {
        for bytes in [
            &b""[..],
            b"\xff\xfe",
            b"[",
            b"[{}",
            b"[{\"id\":1",
            b"{\"a\":",
            b"a,b\n\"",
            b"\0",
        ] {
            let (_, _) = read_text(format, bytes);
        }
    }
}
