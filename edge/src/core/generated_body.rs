//! Bodies that the edge generates when no response of the origin can be used.

use shared::{
    locale::Locale,
    problem::{MEDIA_TYPE, Problem, ProblemKind},
};

/// The style of the pages. It resembles the shop's, and is inline because the origin may be down.
const STYLE: &str = "\
:root{color-scheme:light dark;--paper:#faf8f4;--ink:#211f1c;--soft:#5f594f;--accent:#2a5c45;--on:#fff}\
@media(prefers-color-scheme:dark){:root{--paper:#171614;--ink:#f2eee6;--soft:#b5ada0;--accent:#8fcbac;--on:#10231a}}\
body{margin:0;min-height:100vh;display:grid;place-items:center;background:var(--paper);color:var(--ink);\
font:1rem/1.55 ui-sans-serif,system-ui,sans-serif}\
main{box-sizing:border-box;max-width:36rem;padding:2.25rem 1.5rem;text-align:center}\
svg{color:var(--soft)}h1{font:600 clamp(2rem,1.5rem + 2.4vw,3rem)/1.15 Georgia,serif;margin:1rem 0}\
p{color:var(--soft);margin:0 0 1.5rem}\
a{display:inline-block;padding:.75rem 1.5rem;border-radius:.5rem;background:var(--accent);color:var(--on);\
text-decoration:none;font-weight:600}a:focus-visible{outline:3px solid #1f6feb;outline-offset:3px}";

/// The content security policy of the pages. It allows only [`STYLE`], by its hash.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'sha256-7HqaF43GrYKeiYlD5Pos8yGyJ498EXVHr25lZKdfY44='; frame-ancestors 'none'";

/// The logo, a mallard on the water.
const LOGO_SVG: &str = "<svg viewBox=\"0 0 48 32\" width=\"84\" height=\"56\" aria-hidden=\"true\">\
<path d=\"M2 19c6 9 30 9 38-1 2-3 1-6-3-6-8 0-11 4-17 4-7 0-11-2-18 3z\" fill=\"#8a7b68\"/>\
<path d=\"M31 14c3 1 6 0 7-2l1-5c0-4-8-5-9 0-.4 3-.6 6 1 7z\" fill=\"#2f6b4f\"/>\
<path d=\"M38.600 6.500c3 .3 5.400 1 7 2.200-2 1.200-4.600 1.500-7.200 1z\" fill=\"#d9a441\"/>\
<path d=\"M4 28h40\" stroke=\"currentColor\" stroke-width=\"1.500\" stroke-linecap=\"round\"/></svg>";

/// A body and its media type.
pub type GeneratedBody = (String, &'static str);

/// 503: the origin does not respond, and no usable response is stored.
pub fn unavailable(path: &str) -> GeneratedBody {
    if path.starts_with("/api/") {
        return problem(ProblemKind::Unavailable);
    }
    let (locale, _) = Locale::split(path);
    let (title, text, again) = match locale {
        Locale::En => (
            "We will be right back",
            "The shop is temporarily unavailable. Your cart and your orders are safe.",
            "Try again",
        ),
        Locale::Zh => (
            "马上回来",
            "商店暂时无法访问，您的购物车和订单不会丢失。",
            "重试",
        ),
    };
    page(locale, title, text, again, "")
}

/// 400: the request is malformed.
pub fn bad_request(path: &str) -> GeneratedBody {
    let texts = (
        "We could not process your request",
        "Something in the address or the form is not valid.",
    );
    client_error(
        path,
        ProblemKind::BadRequest,
        texts,
        ("无法处理您的请求", "地址或表单内容有误。"),
    )
}

/// 413: the request body is too large.
pub fn too_large(path: &str) -> GeneratedBody {
    let texts = ("This is too large", "Please send less at once.");
    client_error(
        path,
        ProblemKind::TooLarge,
        texts,
        ("内容过大", "请减少内容后重试。"),
    )
}

/// 408: the request body did not arrive in time.
pub fn request_timeout(path: &str) -> GeneratedBody {
    let texts = (
        "This took too long",
        "Your request did not arrive in time. Nothing was changed.",
    );
    client_error(
        path,
        ProblemKind::Timeout,
        texts,
        ("请求超时", "您的请求未能及时送达，没有任何更改。"),
    )
}

/// 405: the edge does not forward this method.
pub fn method_not_allowed(path: &str) -> GeneratedBody {
    let texts = (
        "We could not process your request",
        "This action is not available here.",
    );
    client_error(
        path,
        ProblemKind::MethodNotAllowed,
        texts,
        ("无法处理您的请求", "此处不支持该操作。"),
    )
}

type TitleAndText = (&'static str, &'static str);

fn client_error(
    path: &str,
    kind: ProblemKind,
    english: TitleAndText,
    chinese: TitleAndText,
) -> GeneratedBody {
    if path.starts_with("/api/") {
        return problem(kind);
    }
    let (locale, _) = Locale::split(path);
    let ((title, text), link) = match locale {
        Locale::En => (english, "Go to the homepage"),
        Locale::Zh => (chinese, "返回首页"),
    };
    page(locale, title, text, link, &locale.path("/"))
}

/// 404: a path of the operators, which the edge does not serve.
pub fn not_found(path: &str) -> GeneratedBody {
    let (locale, _) = Locale::split(path);
    let (title, text, link) = match locale {
        Locale::En => (
            "Page not found",
            "The page may have moved, or the link may be wrong.",
            "Go to the homepage",
        ),
        Locale::Zh => ("页面不存在", "页面可能已移动，或链接有误。", "返回首页"),
    };
    page(locale, title, text, link, &locale.path("/"))
}

/// 504: the request has `only-if-cached`, and no usable response is stored.
pub fn only_if_cached(path: &str) -> GeneratedBody {
    if path.starts_with("/api/") {
        return problem(ProblemKind::Unavailable);
    }
    let (locale, _) = Locale::split(path);
    let (title, text, link) = match locale {
        Locale::En => (
            "Not in the cache",
            "The request allowed only a cached response, and there is none.",
            "Go to the homepage",
        ),
        Locale::Zh => ("没有缓存", "请求只允许缓存的内容，但没有缓存。", "返回首页"),
    };
    page(locale, title, text, link, &locale.path("/"))
}

fn problem(kind: ProblemKind) -> GeneratedBody {
    (
        serde_json::to_string(&Problem::new(kind)).unwrap_or_default(),
        MEDIA_TYPE,
    )
}

fn page(locale: Locale, title: &str, text: &str, link: &str, to: &str) -> GeneratedBody {
    let lang = locale.tag();
    let html = format!(
        "<!DOCTYPE html>\n<html lang=\"{lang}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{title}</title><style>{STYLE}</style></head>\
         <body><main>{LOGO_SVG}<h1>{title}</h1><p>{text}</p><a href=\"{to}\">{link}</a></main>\
         </body></html>\n"
    );
    (html, "text/html; charset=utf-8")
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use sha2::{Digest as _, Sha256};

    use super::*;

    #[test]
    fn the_policy_names_the_style() {
        let hash = STANDARD.encode(Sha256::digest(STYLE));
        assert!(
            CONTENT_SECURITY_POLICY.contains(&format!("'sha256-{hash}'")),
            "{hash}"
        );
    }
}
