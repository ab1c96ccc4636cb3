//! Small files in each format.

use super::*;

#[test]
fn json_lines_are_read_and_an_invalid_line_is_reported() {
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
fn a_product_without_variants_has_one_with_all_fields() {
    let line = concat!(
        r#"{"type":"product","external_id":"a","names":{"en":"Pot"},"price":"9.00","compare_at":"12.00","#,
        r#""stock":0,"backorder":true,"sku":"A","gtin":"96385074","weight_g":800}"#,
    );
    let (found, done) = read_text(Format::Jsonl, line);
    done.unwrap();
    assert_eq!(found.bad_fields(), []);
    let only = &found.product("a").variants[0];
    assert_eq!((only.stock, only.backorder), (Some(0), true));
    assert_eq!((only.sku.as_str(), only.weight_g), ("A", Some(800)));
}

#[test]
fn an_invalid_gtin_skips_only_the_field() {
    let csv = concat!(
        "external_id,name,sku,gtin,price,option1_name,option1_value\n",
        "a,Pot,A-1,4 006381 333931,9.00,Colour,Moss\n",
        ",,A-2,4006381333930,9.00,,Sand\n",
        ",,A-3,,9.00,,Clay\n",
    );
    let (found, done) = read_text(Format::Csv, csv);
    done.unwrap();
    assert_eq!(found.bad_fields(), [(3, "gtin")]);
    let gtins = |id: &str| -> Vec<Option<String>> {
        let variants = found.product(id).variants.iter();
        variants.map(|it| it.gtin.clone()).collect()
    };
    assert_eq!(gtins("a"), [Some("4006381333931".to_owned()), None, None]);

    let lines = concat!(
        r#"{"type":"product","external_id":"a","names":{"en":"Pot"},"price":"9.00","gtin":"0360-0029-1452"}"#,
        "\n",
        r#"{"type":"product","external_id":"b","names":{"en":"Cup"},"price":"9.00","gtin":4006381333931}"#,
        "\n",
        r#"{"type":"product","external_id":"c","names":{"en":"Jug"},"variants":[{"price":"9.00","gtin":36000291452}]}"#,
        "\n",
        r#"{"type":"product","external_id":"d","names":{"en":"Lid"},"price":"9.00","gtin":["96385074"]}"#,
        "\n",
    );
    let (found, done) = read_text(Format::Jsonl, lines);
    done.unwrap();
    assert_eq!(found.bad_fields(), [(3, "variants[0].gtin"), (4, "gtin")]);
    let gtin = |id: &str| found.product(id).variants[0].gtin.clone();
    assert_eq!(gtin("a").as_deref(), Some("036000291452"));
    assert_eq!(gtin("b").as_deref(), Some("4006381333931"));
    assert_eq!((gtin("c"), gtin("d")), (None, None));
}

#[test]
fn malformed_files_never_panic() {
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
