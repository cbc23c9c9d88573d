//! As much of HTTP/1.1 as a scrape needs: the head of a request in, a whole answer out. Pure.

/// The head of a scrape has some hundred bytes.
pub(super) const MAX_HEAD_BYTES: usize = 8 * 1024;

/// The question of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) page: Page,
    /// True if it wants more than the head; false for `HEAD`.
    pub(super) body: bool,
}

/// The kind of answer to a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Page {
    Metrics,
    Index,
    NotFound,
    NotAllowed,
    Bad,
    TooLong,
}

/// Reads the head of a request, of which `searched` bytes are known to hold no end. `None` while
/// it is not complete.
pub(super) fn parse(received: &[u8], searched: usize) -> Option<Request> {
    let Some(head) = head(received, searched) else {
        let page = Page::TooLong;
        return (received.len() >= MAX_HEAD_BYTES).then_some(Request { page, body: true });
    };
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    let (page, body) = match words.as_slice() {
        [method, target, version] if version.starts_with(b"HTTP/1.") => {
            let path = target.split(|byte| *byte == b'?').next();
            let page = match (*method, path.unwrap_or_default()) {
                (b"GET" | b"HEAD", b"/metrics") => Page::Metrics,
                (b"GET" | b"HEAD", b"/") => Page::Index,
                (b"GET" | b"HEAD", _) => Page::NotFound,
                _ => Page::NotAllowed,
            };
            (page, *method != b"HEAD")
        }
        _ => (Page::Bad, true),
    };
    Some(Request { page, body })
}

/// The bytes before the first empty line.
fn head(received: &[u8], searched: usize) -> Option<&[u8]> {
    // The end may lie across the border of what was searched.
    let start = searched.saturating_sub(3);
    let rest = received.get(start..)?;
    let find = |end: &[u8]| rest.windows(end.len()).position(|window| window == end);
    let end = [find(b"\r\n\r\n"), find(b"\n\n")]
        .into_iter()
        .flatten()
        .min();
    received.get(..start + end?)
}

/// A whole answer, and the number of its bytes that are its head.
pub(super) fn answer(page: Page, metrics: &str) -> (Vec<u8>, usize) {
    let (status, more, kind, body) = match page {
        Page::Metrics => (
            "200 OK",
            "",
            "text/plain; version=0.0.4; charset=utf-8",
            metrics,
        ),
        Page::Index => ("200 OK", "", TEXT, "the figures are at /metrics\n"),
        Page::NotFound => ("404 Not Found", "", TEXT, "the figures are at /metrics\n"),
        Page::NotAllowed => (
            "405 Method Not Allowed",
            "Allow: GET, HEAD\r\n",
            TEXT,
            "only GET and HEAD\n",
        ),
        Page::Bad => ("400 Bad Request", "", TEXT, "this is not HTTP/1.1\n"),
        Page::TooLong => (
            "431 Request Header Fields Too Large",
            "",
            TEXT,
            "more than 8 KB of headers\n",
        ),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n{more}\
         Connection: close\r\n\r\n",
        body.len()
    );
    let head_bytes = head.len();
    ((head + body).into_bytes(), head_bytes)
}

const TEXT: &str = "text/plain; charset=utf-8";

#[cfg(test)]
mod tests {
    use super::*;

    fn page(text: &str) -> Option<Page> {
        parse(text.as_bytes(), 0).map(|request| request.page)
    }

    #[test]
    fn a_request_is_read_by_its_first_line() {
        for (line, expected) in [
            ("GET /metrics HTTP/1.1", Page::Metrics),
            ("GET /metrics HTTP/1.0", Page::Metrics),
            ("GET /metrics?name[]=up HTTP/1.1", Page::Metrics),
            ("GET / HTTP/1.1", Page::Index),
            ("GET /metrics/ HTTP/1.1", Page::NotFound),
            ("GET //metrics HTTP/1.1", Page::NotFound),
            ("get /metrics HTTP/1.1", Page::NotAllowed),
            ("POST /metrics HTTP/1.1", Page::NotAllowed),
            ("GET /metrics", Page::Bad),
            ("GET  /metrics HTTP/1.1", Page::Bad),
            ("GET /metrics HTTP/2.0", Page::Bad),
            ("PRI * HTTP/2.0", Page::Bad),
            ("", Page::Bad),
            ("\u{16}\u{3}\u{1}", Page::Bad),
        ] {
            for end in ["\r\n\r\n", "\n\n", "\r\nHost: a\r\n\r\nmore"] {
                let text = format!("{line}{end}");
                assert_eq!(page(&text), Some(expected), "{text:?}");
            }
        }
    }

    #[test]
    fn a_head_request_wants_no_body() {
        let request = parse(b"HEAD /metrics HTTP/1.1\r\n\r\n", 0);
        let expected = Request {
            page: Page::Metrics,
            body: false,
        };
        assert_eq!(request, Some(expected));
    }

    #[test]
    fn a_request_may_come_byte_by_byte() {
        for text in [
            "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\n\n",
        ] {
            let bytes = text.as_bytes();
            for end in 1..bytes.len() {
                assert_eq!(parse(&bytes[..end], end - 1), None, "{end}");
            }
            assert!(parse(bytes, bytes.len() - 1).is_some(), "{text:?}");
        }
    }

    #[test]
    fn a_head_without_end_is_too_long_at_its_limit() {
        let long = "a".repeat(MAX_HEAD_BYTES);
        assert_eq!(page(&long[1..]), None);
        assert_eq!(page(&long), Some(Page::TooLong));
    }

    #[test]
    fn an_answer_says_how_long_it_is_and_that_it_is_the_last() {
        let (bytes, head_bytes) = answer(Page::Metrics, "a 1\né 2\n");
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(
            text,
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n\
             Content-Length: 9\r\nConnection: close\r\n\r\na 1\né 2\n"
        );
        assert_eq!(&text[head_bytes..], "a 1\né 2\n");
    }
}
