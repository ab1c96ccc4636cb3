//! Emails to customers, as plain text and as HTML.

use leptos::prelude::*;
use shared::{
    locale::Locale,
    money::Money,
    order::{Order, OrderLine},
};

use crate::messages::Messages;

/// An email without its sender and recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// The subject.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The HTML.
    pub html: String,
}

/// The event that an email about an order reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderMail {
    /// The order was placed.
    Placed,
    /// It was paid.
    Paid,
    /// It was shipped.
    Shipped,
    /// It was refunded.
    Refunded,
    /// It was cancelled, or it expired unpaid.
    GivenUp,
}

impl OrderMail {
    const fn key(self) -> &'static str {
        match self {
            Self::Placed => "mail-placed",
            Self::Paid => "mail-paid",
            Self::Shipped => "mail-shipped",
            Self::Refunded => "mail-refunded",
            Self::GivenUp => "mail-given-up",
        }
    }
}

/// The email about an order. `base_url` is the shop's origin.
pub fn order_mail(
    kind: OrderMail,
    locale: Locale,
    shop: &str,
    base_url: &str,
    order: &Order,
) -> Mail {
    let messages = Messages::of(locale);
    let values = [
        ("shop", shop.to_owned().into()),
        ("number", order.number.clone().into()),
    ];
    let say = |part: &str| messages.text_with(&format!("{}-{part}", kind.key()), &values);
    let link = format!(
        "{base_url}{}",
        locale.path(&format!("/orders/{}?token={}", order.number, order.token))
    );
    let (subject, lead) = (say("subject"), say("lead"));
    Mail {
        text: text(messages, locale, &lead, &link, order),
        html: html(messages, locale, (&subject, &lead, &link), order),
        subject,
    }
}

/// The kind of an email about an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountMail {
    /// Contains a link that confirms a new account.
    Verify,
    /// Contains a link that confirms a new email address.
    Move,
    /// Contains a link to set a new password.
    Reset,
    /// Somebody tried to register an email address that has an account already.
    Known,
    /// The password or the email address was changed.
    Changed,
    /// The second factor was turned on or off.
    Security,
}

impl AccountMail {
    /// The prefix of its message keys, and the page that its link leads to.
    const fn parts(self) -> (&'static str, &'static str) {
        match self {
            Self::Verify => ("mail-verify", "/account/verify?token="),
            Self::Move => ("mail-move", "/account/verify?token="),
            Self::Reset => ("mail-reset", "/account/reset?token="),
            Self::Known => ("mail-known", "/account/forgot"),
            Self::Changed => ("mail-changed", "/account/forgot"),
            Self::Security => ("mail-security", "/account/forgot"),
        }
    }
}

/// The email about an account. `token` is the token of its link, if the link needs one.
pub fn account_mail(
    kind: AccountMail,
    locale: Locale,
    shop: &str,
    base_url: &str,
    token: &str,
) -> Mail {
    let messages = Messages::of(locale);
    let (family, page) = kind.parts();
    let values = [("shop", shop.to_owned().into())];
    let say = |part: &str| messages.text_with(&format!("{family}-{part}"), &values);
    let token = if page.ends_with('=') { token } else { "" };
    let link = format!("{base_url}{}{token}", locale.path(page));
    let (subject, lead, open) = (say("subject"), say("lead"), say("link"));
    let body = view! {
        <p>{lead.clone()}</p>
        {hyperlink(&link, open.clone())}
    };
    Mail {
        text: format!("{lead}\n\n{open}\n{link}\n"),
        html: page_of(locale, &subject, body),
        subject,
    }
}

/// The totals with their labels; those of zero are omitted.
fn total_lines(messages: Messages, order: &Order) -> Vec<(String, Money)> {
    let totals = &order.totals;
    let less = Money::new(-totals.discount.minor, totals.discount.currency);
    let tax = if totals.tax_included {
        "mail-tax-included"
    } else {
        "mail-tax"
    };
    [
        ("mail-items", totals.items),
        ("mail-discount", less),
        ("mail-shipping", totals.shipping),
        (tax, totals.tax),
    ]
    .into_iter()
    .filter(|(_, money)| money.minor != 0)
    .map(|(key, money)| (messages.text(key), money))
    .chain([(messages.text("mail-total"), totals.total)])
    .collect()
}

fn title(line: &OrderLine) -> String {
    let mut title = format!("{} × {}", line.quantity, line.name);
    if !line.options.is_empty() {
        title.push_str(&format!(" ({})", line.options.join(", ")));
    }
    title
}

fn text(messages: Messages, locale: Locale, lead: &str, link: &str, order: &Order) -> String {
    let mut text = format!("{lead}\n\n");
    for line in &order.lines {
        text.push_str(&format!(
            "{}: {}\n",
            title(line),
            line.total.display(locale)
        ));
    }
    text.push('\n');
    for (name, money) in total_lines(messages, order) {
        text.push_str(&format!("{name}: {}\n", money.display(locale)));
    }
    text.push_str(&format!("\n{}\n{link}\n", messages.text("mail-link")));
    text
}

fn html(
    messages: Messages,
    locale: Locale,
    (subject, lead, link): (&str, &str, &str),
    order: &Order,
) -> String {
    const CELL: &str = "padding:8px 0;border-bottom:1px solid #e5ded2";
    const SUM: &str = "padding:4px 0;text-align:right";
    let lines = order.lines.iter().map(|line| {
        view! {
            <tr>
                <td style=CELL>{title(line)}</td>
                <td style=format!("{CELL};text-align:right")>{line.total.display(locale)}</td>
            </tr>
        }
    });
    let sums = total_lines(messages, order)
        .into_iter()
        .map(|(name, money)| {
            view! {
                <tr>
                    <td style="padding:4px 0">{name}</td>
                    <td style=SUM>{money.display(locale)}</td>
                </tr>
            }
        });
    let body = view! {
        <p>{lead.to_owned()}</p>
        <table role="presentation" style="width:100%;border-collapse:collapse">
            {lines.collect_view()} {sums.collect_view()}
        </table>
        {hyperlink(link, messages.text("mail-link"))}
    };
    page_of(locale, subject, body)
}

fn hyperlink(link: &str, text: String) -> impl IntoView + use<> {
    view! {
        <p>
            <a href=link.to_owned() style="color:#2b5b47">
                {text}
            </a>
        </p>
    }
}

/// A complete HTML email. Mail clients ignore stylesheets, so each element has its own style.
fn page_of(locale: Locale, subject: &str, body: impl IntoView) -> String {
    let page = view! {
        <html lang=locale.tag()>
            <head>
                <meta charset="utf-8" />
                <title>{subject.to_owned()}</title>
            </head>
            <body style="margin:0;background:#faf8f4;color:#1f1d1a;font:16px/1.5 Georgia,serif">
                <div style="max-width:34rem;margin:0 auto;padding:32px 20px">
                    <h1 style="font-size:24px;font-weight:500">{subject.to_owned()}</h1>
                    {body}
                </div>
            </body>
        </html>
    };
    format!("<!DOCTYPE html>{}", page.to_html())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn order() -> Order {
        let money = |minor: i64| json!({ "minor": minor, "currency": "USD" });
        serde_json::from_value(json!({
            "number": "7K3Q-9F2M-XXXX", "token": "t0ken", "state": "pending", "version": 1,
            "lines": [{ "sku": "M", "name": "<b>Mug</b>", "options": ["Colour: Moss"], "quantity": 2,
                        "backordered": 0, "returned": 0, "price": money(1_000), "discount": money(200),
                        "tax": money(287), "total": money(2_000) }],
            "totals": { "items": money(2_000), "discount": money(200), "shipping": money(0),
                        "tax": money(287), "tax_included": true, "total": money(1_800) },
            "paid": money(0), "refunded": money(0), "email": "a@b.co",
            "shipping_address": { "name": "A", "line1": "1", "city": "B", "country": "DE" },
            "shipping_method": "standard", "payment_method": "manual",
            "created_at": "2026-01-02T03:04:05Z", "history": [],
        }))
        .unwrap()
    }

    #[test]
    fn text_and_html_agree_and_are_escaped() {
        for locale in Locale::ALL {
            for kind in [OrderMail::Placed, OrderMail::Paid, OrderMail::GivenUp] {
                let mail = order_mail(kind, locale, "Duck & Co", "https://shop.example", &order());
                assert!(mail.subject.contains("7K3Q-9F2M-XXXX"), "{}", mail.subject);
                let total = order().totals.total.display(locale);
                for text in [&mail.text, &mail.html] {
                    assert!(
                        text.contains(&total) && text.contains("token=t0ken"),
                        "{text}"
                    );
                }
                assert!(
                    mail.text.contains("2 × <b>Mug</b> (Colour: Moss)"),
                    "{}",
                    mail.text
                );
                assert!(!mail.html.contains("<b>"), "{}", mail.html);
                assert!(!mail.text.contains("mail-"), "{}", mail.text);
            }
        }
    }
}
