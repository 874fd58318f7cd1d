//! [`Listener`]: a subscriber that keeps what it is told.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// A row of the table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Row {
    pub(super) target: String,
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) level: String,
    pub(super) fields: Vec<String>,
}

impl Row {
    fn of(metadata: &Metadata<'_>) -> Self {
        let fields = metadata.fields().iter().map(|field| field.name().to_owned());
        Self {
            target: metadata.target().to_owned(),
            kind: if metadata.is_span() { "span" } else { "event" },
            name: metadata.name().to_owned(),
            level: metadata.level().to_string(),
            fields: fields.filter(|field| field != "message").collect(),
        }
    }
}

/// An event or a span, with its values.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) target: String,
    pub(super) name: String,
    pub(super) values: BTreeMap<&'static str, String>,
    /// The span it belongs to.
    pub(super) parent: Option<String>,
}

impl Visit for Told {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = String::new();
        write!(text, "{value:?}").unwrap();
        self.values.insert(field.name(), text);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.values.insert(field.name(), value.to_owned());
    }
}

/// What was told so far; a clone shares it.
#[derive(Clone, Default)]
pub(super) struct Listener(Arc<Mutex<Heard>>);

#[derive(Default)]
struct Heard {
    rows: BTreeSet<Row>,
    all: Vec<Told>,
    spans: Vec<String>,
}

thread_local! {
    /// The spans that this thread is in.
    static INSIDE: RefCell<Vec<Id>> = const { RefCell::new(Vec::new()) };
}

impl Listener {
    /// Listens to the whole process from now on.
    pub(super) fn install() -> Self {
        let listener = Self::default();
        tracing::subscriber::set_global_default(listener.clone()).unwrap();
        listener
    }

    pub(super) fn rows(&self) -> BTreeSet<Row> {
        self.0.lock().unwrap().rows.clone()
    }

    pub(super) fn all(&self) -> Vec<Told> {
        self.0.lock().unwrap().all.clone()
    }

    /// The first of that name.
    pub(super) fn first(&self, target: &str, name: &str) -> Option<Told> {
        self.all().into_iter().find(|told| told.target == target && told.name == name)
    }

    fn hear(&self, metadata: &Metadata<'_>, parent: Option<&Id>, record: impl FnOnce(&mut Told)) -> Id {
        let mut heard = self.0.lock().unwrap();
        let index = |id: &Id| usize::try_from(id.into_u64()).unwrap() - 1;
        let mut told = Told {
            target: metadata.target().to_owned(),
            name: metadata.name().to_owned(),
            values: BTreeMap::new(),
            parent: parent.map(|id| heard.spans[index(id)].clone()),
        };
        record(&mut told);
        if metadata.is_event() && metadata.target() != "user" {
            assert_eq!(told.values.get("message"), Some(&told.name), "the message is the name");
        }
        if metadata.target() != "user" {
            heard.rows.insert(Row::of(metadata));
        }
        if metadata.is_span() {
            heard.spans.push(told.name.clone());
        }
        heard.all.push(told);
        Id::from_u64(heard.spans.len().max(1) as u64)
    }
}

fn current() -> Option<Id> {
    INSIDE.with_borrow(|inside| inside.last().cloned())
}

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("ori") || ["mt_aio", "user"].contains(&metadata.target())
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let parent = if span.is_contextual() { current() } else { span.parent().cloned() };
        self.hear(span.metadata(), parent.as_ref(), |told| span.record(told))
    }

    fn event(&self, event: &Event<'_>) {
        let parent = if event.is_contextual() { current() } else { event.parent().cloned() };
        self.hear(event.metadata(), parent.as_ref(), |told| event.record(told));
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, span: &Id) {
        INSIDE.with_borrow_mut(|inside| inside.push(span.clone()));
    }

    fn exit(&self, span: &Id) {
        INSIDE.with_borrow_mut(|inside| {
            let left = inside.pop();
            assert_eq!(left.as_ref(), Some(span), "spans are left in the order in which they lie");
        });
    }
}
