//! The same for `ori::aio`.

use std::path::PathBuf;
use std::time::Duration;

use ori::aio::path::{Access, lock};
use ori::aio::{
    AprocManager, Asynch, BgProcess, Block, Context, DelayedWrite, HandleException, Interactive,
    MessageHandler, OutputStream, Queue, Suspended, TempDir, WriteOptions, arun, arun2, srun, srun_with,
};
use ori::{ErrorKind, OriError, Result, aio};

use crate::contract::gives;

const LONG: Duration = Duration::from_secs(60);

#[test]
fn contexts() -> Result<()> {
    let context: Context = Context::sync().with(7_u8);
    let _: (bool, Option<&u8>) = (context.is_async(), context.get::<u8>());
    let _: Context = Context::asynchronous();
    let _: u8 = srun(async |cx: &Context| Ok::<u8, Suspended>(u8::from(cx.is_async())))?;
    let seen: u8 = srun_with(context, async |cx| Ok::<u8, Suspended>(*cx.get().unwrap()))?;
    assert_eq!(seen, 7);

    let cx = Context::sync();
    let _: Asynch<Result<u8>, _> = arun(&cx, async |_| Ok::<u8, OriError>(1));
    let now: Result<u8> = arun(&cx, async |_| Ok(1)).now();
    now?;
    srun(async |cx| {
        gives::<Result<u8>>(&arun2(arun(cx, async |_| Ok::<u8, OriError>(1)), cx));
        aio::sleep(Duration::ZERO, cx).await;
        Ok::<(), OriError>(())
    })?;
    gives::<()>(&aio::yield_control());
    let _: [Interactive; 2] = [Interactive::Inside, Interactive::Outside];
    let _: Interactive = aio::interactive();
    Ok(())
}

#[test]
fn files() -> Result<()> {
    srun(async |cx: &Context| {
        let folder: TempDir = aio::mkdtemp(cx).await?;
        let at = |name: &str| -> PathBuf { folder.path().join(name) };
        let options = || WriteOptions::new().mode(0o640).make_dirs().durable().pretty();

        let _: u64 = aio::write_binary(at("a/b"), vec![1_u8, 2], options(), cx).await?;
        let _: u64 = aio::write_text(at("text"), "text", options(), cx).await?;
        let _: u64 = aio::json_save(at("json"), &[1, 2], options(), cx).await?;
        let _: Vec<u8> = aio::read_binary(at("a/b"), Some(1), cx).await?;
        let _: String = aio::read_text(at("text"), None, cx).await?;
        let _: Vec<u8> = aio::json_load(at("json"), cx).await?;
        let delayed: [DelayedWrite; 3] = [
            aio::write_binary_delayed(at("1"), "bytes", options(), cx),
            aio::write_text_delayed(at("2"), String::from("text"), options(), cx),
            aio::json_save_delayed(at("3"), "json", options(), cx),
        ];
        for write in delayed {
            let _: u64 = write.await?;
        }
        #[cfg(unix)]
        {
            aio::safe_chmod(at("1"), 0o600, cx).await?;
            aio::safe_chmod_and_rename(at("2"), at("4"), 0o600, cx).await?;
            aio::relative_symlink(at("1"), at("link"), cx).await?;
        }
        aio::safe_rename(at("1"), at("5"), cx).await?;
        aio::rename(at("5"), at("6"), cx).await?;
        aio::wait_until_file_exists(at("6"), Some(LONG), cx).await?;
        aio::make_dirs(at("x/y"), cx).await?;
        let _: bool = aio::exists(at("x"), cx).await?;
        let _: u64 = aio::stat(at("6"), cx).await?.len();
        drop(lock(at("6"), Access::Read, cx).await?);
        drop(lock(at("6"), Access::Write, cx).await?);
        aio::remove(at("6"), cx).await?;
        folder.close().await
    })
}

#[test]
fn queues() -> Result<()> {
    let queue: Queue<u8> = Queue::bounded(1);
    let _: Queue<u8> = Queue::unbounded();
    queue.put(1).map_err(|_| ()).unwrap();
    let _: u8 = queue.get()?;
    ori::sync(async {
        for block in [Block::Forever, Block::For(LONG), Block::No] {
            aio::qput_aio(&queue, 1, block).await.map_err(|_| ()).unwrap();
            let _: u8 = aio::qget_aio(&queue, block).await?;
        }
        let empty = aio::qget_aio(&queue, Block::No).await.unwrap_err();
        assert_eq!(empty.kind(), ErrorKind::QueueEmpty);
        Ok(())
    })
}

#[test]
fn tasks() -> Result<()> {
    let _ = [HandleException::Raise, HandleException::Silent, HandleException::Warn];
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let manager = AprocManager::new(2, HandleException::Raise);
        let sent: Result<()> = manager.send(async {}).await;
        sent?;
        let cleaned: Result<()> = manager.cleanup().await;
        cleaned
    })
}

struct Adder(i64);

impl MessageHandler for Adder {
    type Context = i64;
    type Message = i64;
    type Reply = i64;

    fn start(context: i64) -> std::result::Result<Self, String> {
        Ok(Self(context))
    }

    fn child_handle_message(&mut self, message: i64) -> std::result::Result<i64, String> {
        self.0 += message;
        Ok(self.0)
    }
}

#[test]
fn processes() -> Result<()> {
    let process: BgProcess<Adder> = BgProcess::<Adder>::start(1)?;
    process.on_output(|_stream: OutputStream, _text: &str| {});
    let _: u32 = process.pid();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        assert_eq!(process.send(2).await?, 3);
        assert_eq!(process.send_timeout(3, LONG).await?, 6);
        Ok::<(), OriError>(())
    })?;
    let _ = process.close();
    Ok(())
}
