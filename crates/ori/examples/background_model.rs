//! A process in the background that holds something large, and answers questions about it.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::collections::HashMap;
use std::time::Duration;

use ori::aio::{BgEvent, BgProcess, MessageHandler};

/// Which word follows which, learned from texts. It lives in the other process only.
struct Model {
    followers: HashMap<String, HashMap<String, u32>>,
}

#[derive(serde::Serialize, serde::Deserialize)]
enum Message {
    Learn(String),
    Guess(String),
}

impl MessageHandler for Model {
    type Context = Vec<String>;
    type Message = Message;
    type Reply = Option<String>;

    fn start(texts: Vec<String>) -> Result<Self, String> {
        let mut model = Model { followers: HashMap::new() };
        texts.iter().for_each(|text| model.learn(text));
        if model.followers.is_empty() { Err("nothing to learn from".into()) } else { Ok(model) }
    }

    fn child_handle_message(&mut self, message: Message) -> Result<Option<String>, String> {
        match message {
            Message::Learn(text) if text.trim().is_empty() => Err("the text is empty".into()),
            Message::Learn(text) => {
                self.learn(&text);
                println!("I know {} words now", self.followers.len());
                Ok(None)
            }
            Message::Guess(word) => {
                let followers = self.followers.get(&word).into_iter().flatten();
                let likeliest = followers.max_by_key(|(word, count)| (**count, std::cmp::Reverse(*word)));
                Ok(likeliest.map(|(word, _)| word.clone()))
            }
        }
    }
}

impl Model {
    fn learn(&mut self, text: &str) {
        let words: Vec<_> = text.split_whitespace().collect();
        for pair in words.windows(2) {
            let followers = self.followers.entry(pair[0].to_owned()).or_default();
            *followers.entry(pair[1].to_owned()).or_default() += 1;
        }
    }
}

fn main() -> ori::Result<()> {
    // In the other process this never returns.
    ori::init();

    let model = BgProcess::<Model>::start(vec!["to be or not to be".into()])?;
    println!("the model lives in process {}, this is {}", model.pid(), std::process::id());
    model.on_output(|_, text| println!("it says: {}", text.trim_end()));
    model.on_event(|event| {
        if let BgEvent::Exit { error } = event {
            println!("it has ended: {error:?}");
        }
    });

    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(async {
        assert_eq!(model.send(Message::Guess("to".into())).await?.as_deref(), Some("be"));
        model.send(Message::Learn("to see to see to see".into())).await?;
        assert_eq!(model.send(Message::Guess("to".into())).await?.as_deref(), Some("see"));

        // Questions may be asked together; each gets its own answer, within its own time.
        let limit = Duration::from_secs(10);
        let ask = |word: &str| model.send_timeout(Message::Guess(word.into()), limit);
        let (or, not) = tokio::join!(ask("or"), ask("not"));
        assert_eq!((or?.as_deref(), not?.as_deref()), (Some("not"), Some("to")));

        let error = model.send(Message::Learn(" ".into())).await.unwrap_err();
        println!("as expected: {error}");
        Ok::<_, ori::OriError>(())
    })?;
    model.close()
}
