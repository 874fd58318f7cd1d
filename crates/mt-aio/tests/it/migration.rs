//! The table for those who come from Python is complete.

const TABLE: &str = include_str!("../../../../docs/migration.md");

/// The functions, classes, methods, options, attributes, exceptions and messages of Ori's manual.
const ORI: &str = "
    ori.asyncio sync awaitable event_loop TypeError
    ori.concurrency run_in_background func executor_class max_workers run_in_background_process
    run_in_background_thread
    ori.poolchain PoolChain add function timeout chunksize add_processpool add_threadpool execute_eager
    iterable execute_eager_single_threaded execute_lazy execute_lazy_single_threaded
    ori.subprocess run_process_in_background command stdout_function stderr_function exception_function
    exit_code_on_killed
    ori.errors OriError OriNoInteractiveProcessPools OriValidationError
";

/// The same of the manual of mt.aio.
const MT_AIO: &str = "
    srun asyn_func args extra_context_vars kwargs arun context_vars async arun2 asynch_func sleep secs
    yield_control safe_chmod filepath file_mode safe_rename new_filepath read_binary size write_binary buf
    file_write_delayed read_text write_text json_load json_save obj mkdtemp qput_aio q block timeout
    aio_interval qget_aio
    CreateFileH5 logger tmp_filepath handle
    BgProcess child_handle_message msg send recv_timeout recv_aio_interval returned raised_exception exc
    callstack_lines write stdout ignored_exception exit retval text
    AprocManager max_concurrency handle_exception cleanup aproc
    ipython
";

/// What stands under a heading, up to the next of its kind.
fn chapter(name: &str) -> &'static str {
    let heading = format!("\n## {name}\n");
    let (_, rest) = TABLE.split_once(&heading).expect("the chapter is there");
    rest.split_once("\n## ").map_or(rest, |(chapter, _)| chapter)
}

/// The words of the first column of the rows of one part.
fn words(part: &str) -> Vec<&str> {
    let rows = part.lines().filter(|line| line.starts_with('|'));
    let cells = rows.filter_map(|row| row.split('|').nth(1));
    cells
        .flat_map(|cell| cell.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.')))
        .flat_map(|word| [word, word.rsplit('.').next().unwrap_or(word)])
        .collect()
}

fn missing<'a>(names: &'a str, part: &str) -> Vec<&'a str> {
    let words = words(part);
    names.split_whitespace().filter(|name| !words.contains(name)).collect()
}

#[test]
fn each_name_of_the_manuals_has_its_row() {
    assert_eq!(missing(ORI, chapter("Ori")), [""; 0], "names of Ori without a row");
    assert_eq!(missing(MT_AIO, chapter("mt.aio")), [""; 0], "names of mt.aio without a row");
}

#[test]
fn a_name_without_a_row_is_found() {
    assert_eq!(missing("sync no_such_name", "| `sync(x)` | `sync` |\n"), ["no_such_name"]);
}

#[test]
fn each_row_says_what_it_is_in_rust() {
    for row in TABLE.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| Python")) {
        // A `|` inside a cell is written `\|`.
        let cells: Vec<_> = row.replace("\\|", "").split('|').map(|cell| cell.trim().to_owned()).collect();
        assert_eq!(cells.len(), 5, "three cells: {row}");
        assert!(!cells[2].is_empty(), "nothing in Rust: {row}");
    }
}
