//! Fetches many pages at once: an async stage for the network, worker processes for what parses them, a
//! thread stage for the files.
//!
//! A server on loopback stands for the internet: it is slow, and sometimes it does not answer at all.
//! Pages are fetched 50 at a time, with a time limit and two more tries each. They are parsed in other
//! processes, where a page that is too much for the parser cannot harm this program, and written to a
//! folder, in the order of the input.
//!
//! `cargo run --example fetch_many`, or with `-- --timeline run.svg --trace run.json` to see what the
//! stages did.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::collections::HashSet;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use lexopt::prelude::Long;
use ori::PoolChain;
use ori::poolchain::Recorder;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

const PAGES: u64 = 300;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // In a worker process this never returns.
    ori::init();

    let files = files()?;
    let server = ori::sync(start_server())?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().to_owned();

    let recorder = Recorder::new();
    let chain = PoolChain::new()
        .add_async_ref(move |number: Arc<u64>| fetch(server, *number))
        .fallible()
        .max_workers(50)
        .timeout(Duration::from_millis(500))
        .retries(2)
        .name("fetch")
        .add_processpool(|page: String| parse(&page))
        .fallible()
        .max_workers(2)
        .timeout(Duration::from_secs(5))
        .name("parse")
        .add_threadpool(move |page| save(&path, &page))
        .fallible()
        .max_workers(4)
        .name("save")
        .record(&recorder);

    let started = Instant::now();
    let mut results = chain.execute_lazy(0..PAGES)?;
    let mut saved = 0;
    for (number, result) in results.by_ref().enumerate() {
        match result {
            Ok(file) => {
                saved += 1;
                assert!(file.ends_with(format!("{number}.txt")));
            }
            // The page that does not exist: one item's error, and the rest goes on.
            Err(error) => println!("{error}"),
        }
    }
    println!("\n{saved} of {PAGES} pages in {:.2} s\n\n{}", started.elapsed().as_secs_f64(), results.stats());
    files.timeline.map_or(Ok(()), |path| recorder.write_timeline(path))?;
    files.trace.map_or(Ok(()), |path| recorder.write_trace(path))?;
    assert_eq!(saved, PAGES - 1);
    assert_eq!(std::fs::read_dir(folder.path())?.count() as u64, saved);
    Ok(())
}

/// Where to write what the stages did.
#[derive(Default)]
struct Files {
    timeline: Option<PathBuf>,
    trace: Option<PathBuf>,
}

fn files() -> Result<Files, lexopt::Error> {
    let mut files = Files::default();
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("timeline") => files.timeline = Some(parser.value()?.into()),
            Long("trace") => files.trace = Some(parser.value()?.into()),
            _ => {
                let unexpected = argument.unexpected();
                return Err(format!("{unexpected}; there are --timeline FILE and --trace FILE").into());
            }
        }
    }
    Ok(files)
}

/// Gets one page by HTTP. The library of your choice goes here.
async fn fetch(server: SocketAddr, number: u64) -> io::Result<String> {
    let mut socket = TcpStream::connect(server).await?;
    socket.write_all(format!("GET /{number} HTTP/1.0\r\n\r\n").as_bytes()).await?;
    let mut response = String::new();
    socket.read_to_string(&mut response).await?;
    let (head, body) = response.split_once("\r\n\r\n").ok_or_else(|| io::Error::other("no answer"))?;
    match head.split_ascii_whitespace().nth(1) {
        Some("200") => Ok(body.to_owned()),
        status => Err(io::Error::other(format!("page {number} has status {}", status.unwrap_or("none")))),
    }
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Page {
    number: u64,
    words: usize,
}

fn parse(page: &str) -> Result<Page, String> {
    let (title, text) = page.split_once('\n').ok_or("no title")?;
    let number = title.strip_prefix("Page ").ok_or("no number")?;
    let number = number.parse().map_err(|error| format!("{number}: {error}"))?;
    Ok(Page { number, words: text.split_whitespace().count() })
}

fn save(folder: &std::path::Path, page: &Page) -> io::Result<PathBuf> {
    let path = folder.join(format!("{}.txt", page.number));
    std::fs::write(&path, format!("{} words\n", page.words))?;
    Ok(path)
}

/// Serves pages on loopback, some of them slowly; a page whose number ends in 3 is not served before it
/// is asked for again.
async fn start_server() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let asked = Arc::new(Mutex::new(HashSet::new()));
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let asked = Arc::clone(&asked);
            tokio::spawn(async move {
                // A client that has gone away is no trouble of the server.
                let _ = answer(socket, &asked).await;
            });
        }
    });
    Ok(address)
}

async fn answer(mut socket: TcpStream, asked: &Mutex<HashSet<u64>>) -> io::Result<()> {
    let mut request = String::new();
    BufReader::new(&mut socket).read_line(&mut request).await?;
    let number: u64 = request.split(['/', ' ']).nth(2).and_then(|number| number.parse().ok()).unwrap_or(0);
    let is_first = asked.lock().unwrap_or_else(PoisonError::into_inner).insert(number);
    if is_first && number % 10 == 3 {
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    tokio::time::sleep(Duration::from_millis(number % 40)).await;
    let response = match number {
        77 => "HTTP/1.0 404 Not Found\r\n\r\n".to_owned(),
        _ => format!("HTTP/1.0 200 OK\r\n\r\nPage {number}\n{}", "word ".repeat(number as usize)),
    };
    socket.write_all(response.as_bytes()).await
}
