//! `BgProcess`: a state in another process.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the child prints to be heard")]

use std::io::Write;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use mt_aio::{BgEvent, BgProcess, ErrorKind, MessageHandler, OutputStream};
use ori_test_support::{LeakCheck, alone, wait_until, within};
use serde::{Deserialize, Serialize, Serializer};

use crate::running::runtime;

const LIMIT: Duration = Duration::from_secs(60);

/// Remembers how many messages it got, and does what they say.
struct Obeys {
    messages: u64,
}

#[derive(Serialize, Deserialize)]
enum Order {
    Count,
    Echo(Vec<u8>),
    Print(String),
    PrintError(String),
    NativePrint(String),
    Fail(String),
    Panic,
    Exit(i32),
    Abort,
    WaitFor(String),
    Unencodable,
}

#[derive(Debug, Deserialize, PartialEq)]
enum Answer {
    Number(u64),
    Bytes(Vec<u8>),
    Unencodable,
}

impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(n) => serializer.serialize_newtype_variant("Answer", 0, "Number", n),
            Self::Bytes(bytes) => serializer.serialize_newtype_variant("Answer", 1, "Bytes", bytes),
            Self::Unencodable => Err(serde::ser::Error::custom("cannot be expressed")),
        }
    }
}

impl MessageHandler for Obeys {
    type Context = Result<u64, String>;
    type Message = Order;
    type Reply = Answer;

    fn start(first: Self::Context) -> Result<Self, String> {
        assert_ne!(first, Ok(13), "thirteen");
        Ok(Self { messages: first? })
    }

    fn child_handle_message(&mut self, order: Order) -> Result<Answer, String> {
        self.messages += 1;
        match order {
            Order::Count => {}
            Order::Echo(bytes) => return Ok(Answer::Bytes(bytes)),
            Order::Print(text) => print!("{text}"),
            Order::PrintError(text) => eprint!("{text}"),
            Order::NativePrint(text) => native_print(&text),
            Order::Fail(why) => return Err(why),
            Order::Panic => panic!("as ordered"),
            Order::Exit(code) => std::process::exit(code),
            Order::Abort => std::process::abort(),
            Order::WaitFor(path) => wait_until(LIMIT, || std::path::Path::new(&path).exists()),
            Order::Unencodable => return Ok(Answer::Unencodable),
        }
        Ok(Answer::Number(self.messages))
    }
}

/// Prints past the standard library, as a C library would.
fn native_print(text: &str) {
    let mut stdout = std::fs::OpenOptions::new().write(true).open("/proc/self/fd/1").unwrap();
    stdout.write_all(text.as_bytes()).unwrap();
}

fn start() -> BgProcess<Obeys> {
    BgProcess::start(Ok(0)).unwrap()
}

fn is_alive(pid: u32) -> bool {
    std::path::Path::new(&format!("/proc/{pid}")).exists()
}

/// Runs the body on a runtime; a hang is a failure.
#[track_caller]
fn run(body: impl Future<Output = ()> + Send + 'static) {
    within(LIMIT, || runtime().block_on(body));
}

#[test]
fn the_child_keeps_its_state_between_messages() {
    run(async {
        let process = BgProcess::<Obeys>::start(Ok(40)).unwrap();
        assert_ne!(process.pid(), std::process::id());
        assert!(is_alive(process.pid()));
        for n in 41..=60 {
            assert_eq!(process.send(Order::Count).await.unwrap(), Answer::Number(n));
        }
        let bytes = vec![7; 10 << 20];
        assert_eq!(process.send(Order::Echo(bytes.clone())).await.unwrap(), Answer::Bytes(bytes));
    });
}

#[test]
fn a_start_that_fails_is_an_error_of_start() {
    within(LIMIT, || {
        let error = BgProcess::<Obeys>::start(Err("no model".into())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Task);
        assert!(error.to_string().contains("no model"), "{error}");
        let error = BgProcess::<Obeys>::start(Ok(13)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Panicked);
        assert!(error.panic_message().unwrap().contains("thirteen"));
    });
}

#[test]
fn concurrent_sends_are_matched_by_id() {
    run(async {
        let process = Arc::new(start());
        let senders = (0..50_u64).map(|n| {
            let process = process.clone();
            tokio::spawn(async move {
                let bytes = n.to_le_bytes().to_vec();
                assert_eq!(process.send(Order::Echo(bytes.clone())).await.unwrap(), Answer::Bytes(bytes));
            })
        });
        for sender in senders.collect::<Vec<_>>() {
            sender.await.unwrap();
        }
    });
}

#[test]
fn after_a_time_out_the_next_send_gets_its_own_reply() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("go");
        let process = start();
        let wait = Order::WaitFor(path.to_str().unwrap().into());
        let error = process.send_timeout(wait, Duration::from_millis(20)).await.unwrap_err();
        assert!(error.is_timeout());
        let mut next = Box::pin(process.send(Order::Echo(b"mine".to_vec())));
        assert!(tokio::time::timeout(Duration::from_millis(5), &mut next).await.is_err());
        std::fs::write(&path, "").unwrap();
        assert_eq!(next.await.unwrap(), Answer::Bytes(b"mine".to_vec()));
        // The message that timed out was handled: it is counted.
        assert_eq!(process.send(Order::Count).await.unwrap(), Answer::Number(3));
    });
}

#[test]
fn an_error_a_panic_and_a_reply_that_cannot_be_encoded_cost_one_message() {
    run(async {
        let process = start();
        let error = process.send(Order::Fail("not today".into())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Task);
        assert!(error.to_string().contains("not today"));
        let error = process.send(Order::Panic).await.unwrap_err();
        assert_eq!(error.panic_message(), Some("as ordered"));
        assert!(error.panic_location().unwrap().contains("bgprocess.rs"));
        let error = process.send(Order::Unencodable).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Codec);
        assert_eq!(process.send(Order::Count).await.unwrap(), Answer::Number(4));
    });
}

#[test]
fn a_dead_child_is_an_error_at_once_and_is_not_replaced() {
    run(async {
        for (order, exit_code, signal) in [(Order::Exit(7), Some(7), None), (Order::Abort, None, Some(6))] {
            let process = Arc::new(start());
            let pid = process.pid();
            let (first, others): (_, Vec<_>) = {
                let send = |order| {
                    let process = process.clone();
                    tokio::spawn(async move { process.send(order).await })
                };
                let first = send(order);
                (first, (0..5).map(|_| send(Order::Count)).collect())
            };
            let error = first.await.unwrap().unwrap_err();
            assert!(error.is_worker_lost(), "{error:?}");
            assert_eq!((error.exit_code(), error.signal(), error.pid()), (exit_code, signal, Some(pid)));
            for other in others {
                // Before the death it was answered, after it refused.
                let outcome = other.await.unwrap();
                match outcome {
                    Ok(answer) => assert!(matches!(answer, Answer::Number(_))),
                    Err(error) => assert!(error.is_worker_lost(), "{error:?}"),
                }
            }
            for _ in 0..3 {
                let error = process.send(Order::Count).await.unwrap_err();
                assert!(error.is_worker_lost(), "{error:?}");
                assert_eq!((error.exit_code(), error.signal()), (exit_code, signal));
            }
            assert!(process.close().unwrap_err().is_worker_lost());
            assert!(!is_alive(pid));
        }
    });
}

#[test]
fn a_child_that_dies_between_messages_is_noticed() {
    run(async {
        let process = start();
        let (tell, told) = mpsc::channel();
        process.on_event(move |event| {
            if let BgEvent::Exit { error } = event {
                tell.send(error.map(|error| error.kind())).unwrap();
            }
        });
        kill(process.pid());
        assert_eq!(told.recv_timeout(LIMIT).unwrap(), Some(ErrorKind::WorkerLost));
        assert!(process.send(Order::Count).await.unwrap_err().is_worker_lost());
    });
}

fn kill(pid: u32) {
    let killed = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
    assert!(killed.success());
}

#[test]
fn what_the_child_prints_is_heard_before_its_reply_native_prints_too() {
    run(async {
        let process = start();
        // Before anybody listens.
        process.send(Order::Print("early ".into())).await.unwrap();
        let heard = Arc::new(Mutex::new((String::new(), String::new())));
        let ear = heard.clone();
        process.on_output(move |stream, text| {
            let mut heard = ear.lock().unwrap();
            match stream {
                OutputStream::Stdout => heard.0.push_str(text),
                OutputStream::Stderr => heard.1.push_str(text),
            }
        });
        let long = "é€😀".repeat(50_000);
        process.send(Order::Print("a line\nand a half".into())).await.unwrap();
        assert_eq!(heard.lock().unwrap().0, "early a line\nand a half");
        process.send(Order::NativePrint(" native ".into())).await.unwrap();
        process.send(Order::Print(long.clone())).await.unwrap();
        process.send(Order::PrintError("an error\n".into())).await.unwrap();
        let heard = heard.lock().unwrap();
        assert!(heard.0 == format!("early a line\nand a half native {long}"));
        assert_eq!(heard.1, "an error\n");
    });
}

#[test]
fn events_come_in_order_and_end_with_exit() {
    run(async {
        let events = Arc::new(Mutex::new(Vec::new()));
        let process = start();
        let log = events.clone();
        process.on_event(move |event| {
            let text = match event {
                BgEvent::Returned { request } => format!("returned {request}"),
                BgEvent::RaisedException { request, error } => format!("raised {request} {:?}", error.kind()),
                BgEvent::Write { text, .. } => format!("write {text}"),
                BgEvent::IgnoredException { request, error } => {
                    format!("ignored {request} {:?}", error.kind())
                }
                BgEvent::Exit { error } => format!("exit {}", error.is_none()),
                _ => unreachable!(),
            };
            log.lock().unwrap().push(text);
        });
        process.on_output(|_, _| panic!("a listener that fails disturbs nobody"));
        process.send(Order::Count).await.unwrap();
        process.send(Order::Print("hello".into())).await.unwrap();
        process.send(Order::Fail("no".into())).await.unwrap_err();
        // Sent and forgotten, while the child is busy.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("go");
        let mut busy = Box::pin(process.send(Order::WaitFor(path.to_str().unwrap().into())));
        assert!(futures_lite::future::poll_once(&mut busy).await.is_none());
        let mut forgotten = Box::pin(process.send(Order::Fail("who hears it".into())));
        assert!(futures_lite::future::poll_once(&mut forgotten).await.is_none());
        drop(forgotten);
        std::fs::write(&path, "").unwrap();
        busy.await.unwrap();
        process.send(Order::Count).await.unwrap();
        drop(process);
        let expected = [
            "returned 1",
            "write hello",
            "returned 2",
            "raised 3 Task",
            "returned 4",
            "ignored 5 Task",
            "returned 6",
            "exit true",
        ];
        // The start may be answered before anybody listens.
        let events = events.lock().unwrap();
        assert_eq!(events.iter().filter(|event| *event != "returned 0").collect::<Vec<_>>(), expected);
    });
}

#[test]
fn close_and_drop_reap_the_child_even_a_busy_one() {
    run(async {
        for closes in [true, false] {
            let process = Arc::new(start());
            let pid = process.pid();
            let sender = process.clone();
            let busy = tokio::spawn(async move { sender.send(Order::WaitFor("/never".into())).await });
            let begun = || std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok();
            assert!(begun());
            tokio::task::yield_now().await;
            if closes {
                process.close().unwrap();
                process.close().unwrap();
                assert_eq!(process.send(Order::Count).await.unwrap_err().kind(), ErrorKind::Closed);
                let kind = busy.await.unwrap().unwrap_err().kind();
                assert!(matches!(kind, ErrorKind::Cancelled | ErrorKind::Closed), "{kind:?}");
            } else {
                busy.abort();
                assert!(busy.await.unwrap_err().is_cancelled());
                drop(process);
            }
            assert!(!is_alive(pid));
        }
    });
}

#[test]
fn the_child_ends_with_its_parent_even_by_sigkill() {
    const NAME: &str = "bgprocess::the_child_ends_with_its_parent_even_by_sigkill";
    if std::env::var_os("MT_AIO_TEST_PARENT").is_some() {
        let process = start();
        writeln!(std::io::stdout(), "child={}", process.pid()).unwrap();
        loop {
            thread::park();
        }
    }
    let mut parent = std::process::Command::new(std::env::current_exe().unwrap())
        .args([NAME, "--exact", "--nocapture"])
        .env("MT_AIO_TEST_PARENT", "1")
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let lines = std::io::BufRead::lines(std::io::BufReader::new(parent.stdout.take().unwrap()));
    let child = lines.map_while(Result::ok).find_map(|line| line.split_once("child=")?.1.parse().ok());
    let child: u32 = child.unwrap();
    assert!(is_alive(child));
    parent.kill().unwrap();
    parent.wait().unwrap();
    wait_until(LIMIT, || !is_alive(child));
}

#[test]
fn starts_and_drops_leave_nothing() {
    alone("bgprocess::starts_and_drops_leave_nothing", || {
        let check = LeakCheck::start().unwrap();
        let start_time = Instant::now();
        let mut rounds = 0;
        while rounds < 200 && start_time.elapsed() < LIMIT / 2 {
            let process = start();
            process.on_output(|_, _| ());
            drop(process);
            assert!(BgProcess::<Obeys>::start(Err(String::new())).is_err());
            rounds += 1;
        }
        assert!(rounds > 10);
        check.finish();
    });
}

#[test]
fn a_listener_may_hold_the_last_handle() {
    run(async {
        let process = Arc::new(start());
        let pid = process.pid();
        let mut inside = Some(process.clone());
        process.on_event(move |event| {
            if let BgEvent::Returned { request: 1 } = event {
                drop(inside.take());
            }
        });
        let mut send = Box::pin(process.send(Order::Count));
        let _ = futures_lite::future::poll_once(&mut send).await;
        drop(send);
        drop(process);
        tokio::task::spawn_blocking(move || wait_until(LIMIT, || !is_alive(pid))).await.unwrap();
    });
}

#[test]
fn it_moves_between_threads() {
    fn is_shareable<T: Send + Sync>(_: &T) {}
    let process = start();
    is_shareable(&process);
    let thread = thread::spawn(move || futures_lite::future::block_on(process.send(Order::Count)).unwrap());
    assert_eq!(thread.join().unwrap(), Answer::Number(1));
}
