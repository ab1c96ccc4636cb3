//! What the edge says by itself, when there is nobody behind it who could.

use shared::{
    locale::Locale,
    problem::{MEDIA_TYPE, Problem, ProblemKind},
};

/// A small body and its media type.
pub type Words = (String, &'static str);

/// The origin does not answer and nothing is stored.
pub fn unavailable(path: &str) -> Words {
    if path.starts_with("/api/") {
        return problem(ProblemKind::Unavailable);
    }
    let (locale, _) = Locale::split(path);
    let (title, text, again) = match locale {
        Locale::En => (
            "We will be right back",
            "The shop cannot answer just now. Nothing of yours is lost.",
            "Try again",
        ),
        Locale::Zh => ("马上回来", "商店暂时无法响应。您的内容不会丢失。", "重试"),
    };
    page(locale, title, text, again, "")
}

/// There is nothing here for shoppers.
pub fn nothing_here(path: &str) -> Words {
    let (locale, _) = Locale::split(path);
    page(
        locale,
        "There is nothing here",
        "This address leads nowhere.",
        "To the shop",
        "/",
    )
}

/// The client wanted nothing but what is stored here, and nothing is.
pub fn not_stored(path: &str) -> Words {
    if path.starts_with("/api/") {
        return problem(ProblemKind::Unavailable);
    }
    let (locale, _) = Locale::split(path);
    page(
        locale,
        "Not kept here",
        "Only a kept copy was asked for, and there is none.",
        "To the shop",
        "/",
    )
}

fn problem(kind: ProblemKind) -> Words {
    (
        serde_json::to_string(&Problem::new(kind)).unwrap_or_default(),
        MEDIA_TYPE,
    )
}

fn page(locale: Locale, title: &str, text: &str, link: &str, to: &str) -> Words {
    let lang = locale.tag();
    let html = format!(
        "<!DOCTYPE html>\n<html lang=\"{lang}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>{title}</title></head>\
         <body><main><h1>{title}</h1><p>{text}</p><p><a href=\"{to}\">{link}</a></p></main>\
         </body></html>\n"
    );
    (html, "text/html; charset=utf-8")
}
