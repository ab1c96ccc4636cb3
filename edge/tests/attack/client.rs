//! An HTTP client that returns every failure as an error: nothing here panics when a server closes.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// The time limit for each read and write.
const TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub struct ShopResponse {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl ShopResponse {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

pub fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The head of a request. The connection is closed afterwards unless the fields say otherwise.
pub fn head(method: &str, path: &str, fields: &[(&str, &str)]) -> String {
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n");
    for (name, value) in fields {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    head
}

/// Sends these bytes over a new connection, and reads the response.
pub fn send(address: SocketAddr, request: &[u8]) -> io::Result<ShopResponse> {
    let mut stream = connect(address)?;
    stream.write_all(request)?;
    read(&mut stream)
}

/// Reads a response up to the end of the connection.
pub fn read(stream: &mut TcpStream) -> io::Result<ShopResponse> {
    let mut all = Vec::new();
    stream.read_to_end(&mut all)?;
    let end = all.windows(4).position(|it| it == b"\r\n\r\n");
    let end = end.ok_or_else(|| io::Error::other("no answer"))?;
    let head = String::from_utf8_lossy(&all[..end]).to_ascii_lowercase();
    let status = head.split(' ').nth(1).and_then(|it| it.parse().ok());
    let body = match head.contains("transfer-encoding: chunked") {
        true => unchunked(&all[end + 4..]),
        false => Some(all[end + 4..].to_vec()),
    };
    Ok(ShopResponse {
        status: status.ok_or_else(|| io::Error::other("no status"))?,
        body: body.ok_or_else(|| io::Error::other("the body is cut"))?,
        head,
    })
}

fn unchunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|it| it == b"\r\n")?;
        let length = str::from_utf8(&rest[..end]).ok()?;
        let length = usize::from_str_radix(length.trim(), 16).ok()?;
        body.extend_from_slice(rest.get(end + 2..end + 2 + length)?);
        rest = rest.get(end + 4 + length..)?;
        if length == 0 {
            return Some(body);
        }
    }
}

/// Sends a request with these fields and an optional JSON body.
pub fn send_json(
    address: SocketAddr,
    method: &str,
    path: &str,
    fields: &[(&str, &str)],
    body: Option<&serde_json::Value>,
) -> io::Result<ShopResponse> {
    let body = body.map(ToString::to_string).unwrap_or_default();
    let length = body.len().to_string();
    let mut fields = fields.to_vec();
    if method != "GET" {
        fields.push(("content-type", "application/json"));
        fields.push(("content-length", &length));
    }
    send(address, (head(method, path, &fields) + &body).as_bytes())
}
