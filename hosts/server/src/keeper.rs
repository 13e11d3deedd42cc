//! What runs beside the HTTP server: about once a second the audit trail is sealed, signed and written to the second
//! sink, what is due is run, and the webhook is told. Plain threads: all of it blocks.
//!
//! Every host runs one. The core lets one at a time do each thing, so several do no harm.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use zhengna_core::Core;
use zhengna_core::access::RightsFinding;
use zhengna_core::audit::Finding;
use zhengna_core::calendar::{Date, date_of};
use zhengna_core::limits;
use zhengna_core::store::StoreError;

use crate::checkpoints::CheckpointFile;
use crate::keyring::Watch;
use crate::stop::Stop;
use crate::webhook::Webhook;

/// Between two rounds.
const EVERY: Duration = Duration::from_secs(1);
/// Timers of one lease.
const TIMERS_AT_ONCE: u32 = 50;
/// A backlog does not keep one round from the next thing for longer than so many transactions.
const STEPS_MAX: usize = 200;
/// A failure that lasts is logged once in so many rounds.
const LOG_EVERY: u32 = 60;
/// Rounds between two comparisons of rights with the audit trail.
const RIGHTS_EVERY: u32 = 10;
/// How long a stop waits for the webhook's attempt under way. It may be left: it is delivered again.
const WEBHOOK_PATIENCE: Duration = Duration::from_secs(2);

/// The threads.
pub struct Keeper {
    stop: Stop,
    rounds: JoinHandle<Kept>,
    webhook: Option<(JoinHandle<()>, Receiver<()>)>,
}

/// Where the keeper left things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Kept {
    /// Place of the last audit record that is sealed.
    pub sealed: i64,
    /// Place of the last checkpoint in the second sink.
    pub checkpoint: i64,
    /// Whether the last round went through.
    pub complete: bool,
}

impl Keeper {
    /// Starts the threads.
    pub fn start(core: Core, checkpoints: CheckpointFile, keys: Option<Watch>, webhook: Option<Webhook>) -> std::io::Result<Keeper> {
        let stop = Stop::default();
        let webhook = match webhook {
            None => None,
            Some(webhook) => Some(start_webhook(core.clone(), webhook, stop.clone())?),
        };
        let heard = stop.clone();
        let rounds = std::thread::Builder::new().name("zhengna-keeper".into()).spawn(move || {
            let mut rounds = Rounds::new(core, checkpoints, keys);
            rounds.begin();
            loop {
                let last = heard.wait(EVERY);
                let complete = rounds.round(last);
                if last {
                    return Kept { sealed: rounds.sealed, checkpoint: rounds.checkpoints.last(), complete };
                }
            }
        })?;
        Ok(Keeper { stop, rounds, webhook })
    }

    /// Ends the threads after one last round that seals and signs everything.
    pub fn stop(self) -> Kept {
        self.stop.say();
        let kept = self.rounds.join().unwrap_or_default(); // rounds catch their panics
        if let Some((thread, ended)) = self.webhook {
            // An error is the sender dropped: it has ended.
            match ended.recv_timeout(WEBHOOK_PATIENCE) {
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {
                    tracing::info!("left a webhook attempt under way; it will be delivered again");
                }
                _ => drop(thread.join()),
            }
        }
        kept
    }
}

fn start_webhook(core: Core, webhook: Webhook, stop: Stop) -> std::io::Result<(JoinHandle<()>, Receiver<()>)> {
    let (tell, ended) = channel();
    let thread = std::thread::Builder::new().name("zhengna-webhook".into()).spawn(move || {
        let mut failing = HashMap::new();
        loop {
            attempt(&mut failing, "deliver to the webhook", || webhook.drain(&core, &stop));
            if stop.wait(EVERY) {
                break;
            }
        }
        drop(tell);
    })?;
    Ok((thread, ended))
}

struct Rounds {
    core: Core,
    checkpoints: CheckpointFile,
    /// Where it is to be seen that the keys have changed.
    keys: Option<Watch>,
    failing: HashMap<&'static str, u32>,
    sealed: i64,
    /// The day on which the calendar was looked at last.
    looked: Option<Date>,
    rounds: u32,
    /// What the audit trail said against rights last.
    against: Vec<RightsFinding>,
    /// What was found altered in the audit trail last.
    altered: Option<Finding>,
    /// Whether the database had the last checkpoint of the second sink whenever that was looked at: once the trail has grown again it has one.
    sink_agrees: bool,
}

impl Rounds {
    fn new(core: Core, checkpoints: CheckpointFile, keys: Option<Watch>) -> Self {
        Self {
            core,
            checkpoints,
            keys,
            failing: HashMap::new(),
            sealed: 0,
            looked: None,
            rounds: 0,
            against: Vec::new(),
            altered: None,
            sink_agrees: true,
        }
    }

    fn begin(&mut self) {
        let Rounds { core, failing, .. } = self;
        attempt(failing, "set the timers that always run", || core.ensure_timers());
    }

    /// Everything once, each thing whatever became of the others. Whether all went through.
    fn round(&mut self, last: bool) -> bool {
        let Rounds { core, checkpoints, keys, failing, sealed, looked, rounds, against, altered, sink_agrees } = self;
        let mut complete = true;
        let mut step = |name, run: &mut dyn FnMut() -> Result<(), Box<dyn std::error::Error>>| {
            complete &= attempt(failing, name, run).is_some();
        };
        step("look whether the key file has changed", &mut || {
            if let Some(watch) = keys {
                let before = core.settings().keys.current_epoch();
                if let Some(epoch) = watch.look(&core.settings().keys)?.filter(|epoch| *epoch != before) {
                    tracing::info!(epoch, "took over a new epoch of the keys");
                }
            }
            Ok(())
        });
        if !last {
            step("wrap keys anew after a rotation", &mut || match wrap_anew(core)? {
                0 => Ok(()),
                keys => {
                    tracing::info!(keys, "wrapped keys anew");
                    Ok(())
                }
            });
            step("run what is due", &mut || {
                for _ in 0..STEPS_MAX {
                    // One that ran may have set another that is due: a list too long for one goes on at once.
                    if core.run_due(TIMERS_AT_ONCE)? == 0 {
                        break;
                    }
                }
                Ok(())
            });
        }
        step("give back what officers hold who are gone", &mut || {
            match core.return_held()? {
                0 => {}
                conversations => tracing::info!(conversations, "officers are gone: what they held waits again"),
            }
            Ok(())
        });
        if !last {
            step("offer what waits in lines", &mut || {
                core.offer_waiting()?;
                Ok(())
            });
        }
        if rounds.is_multiple_of(RIGHTS_EVERY) {
            step("compare the checkpoint file with the database", &mut || {
                let agrees = checkpoints.agrees_with(core)?;
                if *sink_agrees && !agrees {
                    tracing::error!(
                        checkpoint = checkpoints.last(),
                        "the database does not have the last checkpoint of the checkpoint file: it was cut off, replaced by an older copy, \
                         or is another database; run `zhengna audit verify`"
                    );
                }
                *sink_agrees &= agrees;
                Ok(())
            });
            step("compare rights with the audit trail", &mut || {
                compare_rights(core, against)?;
                Ok(())
            });
        }
        *rounds = rounds.wrapping_add(1);
        step("look whether a notice of working days is missing", &mut || {
            warn_of_missing_notice(core, looked)?;
            Ok(())
        });
        step("write down when sessions were used", &mut || {
            for _ in 0..STEPS_MAX {
                if core.write_down_touches()? == 0 {
                    break;
                }
            }
            Ok(())
        });
        step("write down how often callers were refused", &mut || {
            for _ in 0..STEPS_MAX {
                if core.write_down_denials(last)? == 0 {
                    break;
                }
            }
            Ok(())
        });
        step("seal the audit trail", &mut || {
            let mut steps = 0;
            loop {
                let done = core.seal_audit()?;
                *sealed = done.number;
                steps += 1;
                // The last round leaves nothing.
                if !done.more || (!last && steps >= STEPS_MAX) {
                    return Ok(());
                }
            }
        });
        step("sign the audit trail", &mut || {
            core.checkpoint_audit(last)?;
            Ok(())
        });
        step("write checkpoints to the second sink", &mut || {
            checkpoints.catch_up(core)?;
            Ok(())
        });
        if !last {
            step("read on in the audit trail", &mut || {
                watch_trail(core, altered)?;
                Ok(())
            });
        }
        complete
    }
}

/// Tells whoever runs the host of rights that the audit trail speaks against; they give nobody anything. Told once, and when it changes.
fn compare_rights(core: &Core, against: &mut Vec<RightsFinding>) -> Result<(), zhengna_core::Error> {
    let mut verdict = core.compare_rights()?;
    for _ in 0..STEPS_MAX {
        if verdict.complete {
            break;
        }
        verdict = core.compare_rights()?;
    }
    if verdict.complete && verdict.findings != *against {
        for finding in &verdict.findings {
            tracing::error!(
                row = finding.row,
                kind = finding.kind.as_str(),
                "a row that says who may do what is not what the audit trail says was written; it gives nobody anything; run `zhengna audit verify`"
            );
        }
        if verdict.findings.is_empty() {
            tracing::info!("rights are again what the audit trail says was written");
        }
        *against = verdict.findings;
    }
    Ok(())
}

/// Tells whoever runs the host that the audit trail was altered. Told once, and when it changes.
fn watch_trail(core: &Core, altered: &mut Option<Finding>) -> Result<(), zhengna_core::Error> {
    let watched = core.watch_audit()?;
    if watched.finding != *altered {
        match &watched.finding {
            Some(Finding { kind, number, record, detail }) => tracing::error!(
                number,
                kind = kind.as_str(),
                record = record.map(|id| id.to_string()),
                detail,
                "the audit trail was altered: nothing from here on can be vouched for, neither what was done nor who was given which rights; \
                 run `zhengna audit verify` and keep the checkpoint file"
            ),
            None => tracing::info!(verified = watched.verified, "the audit trail is whole again"),
        }
        *altered = watched.finding;
    }
    Ok(())
}

/// Some of the keys that an older epoch wraps; how many.
fn wrap_anew(core: &Core) -> Result<u64, zhengna_core::Error> {
    match core.as_system().identity().rewrap_keys(limits::REWRAP_AT_ONCE, &mut |_| {}) {
        Ok(done) => Ok(done.changed),
        // Another host is at the same keys, which is as good.
        Err(zhengna_core::Error::Store(StoreError::Conflict | StoreError::Busy)) => Ok(0),
        Err(e) => Err(e),
    }
}

/// Once a day, and at the start: whether what ends next year is still provisional though its notice should be there. The
/// year that is missing, where it was looked for.
fn warn_of_missing_notice(core: &Core, looked: &mut Option<Date>) -> Result<Option<i32>, zhengna_core::Error> {
    let today = date_of(core.now());
    if *looked == today {
        return Ok(None);
    }
    let missing = core.missing_notice()?;
    *looked = today;
    if let Some(year) = missing {
        tracing::warn!(
            year,
            "the notice of working days for this year is not known: what ends in it is provisional; when the State Council's General Office has \
             published it, propose it with `zhengna calendar propose` and have it approved"
        );
    }
    Ok(missing)
}

/// Runs one thing; an error or a panic is logged and ends nothing.
fn attempt<R, E: std::fmt::Display>(
    failing: &mut HashMap<&'static str, u32>,
    name: &'static str,
    run: impl FnOnce() -> Result<R, E>,
) -> Option<R> {
    let error = match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(done)) => {
            if failing.remove(name).is_some() {
                tracing::info!(what = name, "works again");
            }
            return Some(done);
        }
        Ok(Err(e)) => e.to_string(),
        Err(_) => "it panicked".to_owned(),
    };
    let times = failing.entry(name).or_insert(0);
    if times.is_multiple_of(LOG_EVERY) {
        tracing::error!(what = name, error, "failed; it is tried again every second");
    }
    *times += 1;
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use zhengna_core::audit::FindingKind;
    use zhengna_tests::world::{Engine, World};

    fn file(dir: &tempfile::TempDir) -> CheckpointFile {
        CheckpointFile::open(&dir.path().join("checkpoints")).unwrap()
    }

    #[test]
    fn a_stop_seals_and_signs_everything() {
        let (dir, world) = (tempfile::tempdir().unwrap(), World::new(Engine::Memory));
        let kept = Keeper::start(world.core.clone(), file(&dir), None, None).unwrap().stop();
        assert!(kept.complete && kept.sealed > 0 && kept.checkpoint == kept.sealed);
        let signed = crate::checkpoints::read(&dir.path().join("checkpoints")).unwrap();
        let verdict = world.core.verify_audit(signed, |_, _| ()).unwrap();
        assert_eq!((verdict.finding, verdict.unsealed, verdict.verified), (None, 0, kept.sealed));
    }

    #[test]
    fn a_sink_that_missed_some_catches_up_and_one_ahead_of_the_database_tells() {
        let (dir, world) = (tempfile::tempdir().unwrap(), World::new(Engine::Memory));
        for n in 0..3 {
            world.entered(n);
            while world.core.seal_audit().unwrap().more {}
            world.core.checkpoint_audit(true).unwrap(); // the host dies before it writes the line
        }
        let mut sink = file(&dir);
        assert_eq!(sink.catch_up(&world.core).unwrap(), 3);
        assert!(sink.agrees_with(&world.core).unwrap());
        let older = World::new(Engine::Memory);
        assert!(!sink.agrees_with(&older.core).unwrap());
        while older.core.seal_audit().unwrap().more {}
        let signed = crate::checkpoints::read(&dir.path().join("checkpoints")).unwrap();
        let finding = older.core.verify_audit(signed, |_, _| ()).unwrap().finding.unwrap();
        assert_eq!(finding.kind, FindingKind::CutOff);
    }

    #[test]
    fn a_rotation_is_taken_over_and_finished_by_the_running_host() {
        use rand_core::SeedableRng as _;
        let (dir, world) = (tempfile::tempdir().unwrap(), World::new(Engine::Memory));
        let path = dir.path().join("zhengna.key");
        crate::secret_file::create(&path, &world.core.settings().keys.to_text()).unwrap();
        let mut rounds = Rounds::new(world.core.clone(), file(&dir), Some(Watch::new(&path)));
        assert!(rounds.round(false));
        crate::keyring::change(&path, |ring| {
            ring.rotate(&mut zhengna_core::crypto::Rng::seed_from_u64(1)).unwrap();
            Ok::<_, crate::keyring::KeyringError>(())
        })
        .unwrap();
        assert!(rounds.round(false));
        let told = world.core.as_system().identity().key_epochs().unwrap();
        assert_eq!(told.epochs.iter().map(|e| (e.epoch, e.keys > 0, e.current)).collect::<Vec<_>>(), [(1, false, false), (2, true, true)]);
        world.entered(0);
    }

    #[test]
    fn a_record_of_the_trail_that_was_altered_is_told_though_nobody_asks() {
        let (dir, world) = (tempfile::tempdir().unwrap(), World::new(Engine::Sqlite));
        let mut rounds = Rounds::new(world.core.clone(), file(&dir), None);
        assert!(rounds.round(false) && rounds.altered.is_none());
        let raw = rusqlite::Connection::open(world.keep.path().unwrap()).unwrap();
        raw.execute("UPDATE audit_record SET subject = subject || '.' WHERE seq = 3", []).unwrap();
        world.clock.advance(limits::WATCH_EVERY);
        assert!(rounds.round(false), "that it was found is no failure");
        assert_eq!(rounds.altered.map(|finding| finding.kind), Some(FindingKind::Altered));
    }

    #[test]
    fn an_end_that_was_cut_off_under_a_running_host_is_told() {
        let (dir, world) = (tempfile::tempdir().unwrap(), World::new(Engine::Sqlite));
        let mut rounds = Rounds::new(world.core.clone(), file(&dir), None);
        rounds.round(false);
        rounds.round(true);
        rounds.round(false);
        assert!(rounds.sink_agrees && rounds.altered.is_none());
        let raw = rusqlite::Connection::open(world.keep.path().unwrap()).unwrap();
        raw.execute_batch(
            "DELETE FROM audit_link WHERE number > 5; DELETE FROM audit_checkpoint WHERE number > 5;
             DELETE FROM audit_record WHERE NOT EXISTS (SELECT 1 FROM audit_link l WHERE l.xid = audit_record.xid AND l.seq = audit_record.seq)",
        )
        .unwrap();
        rounds.round(false);
        assert_eq!(rounds.altered.as_ref().map(|f| (f.kind, f.number)), Some((FindingKind::CutOff, 6)));
        for _ in 0..RIGHTS_EVERY {
            rounds.round(false);
        }
        assert!(!rounds.sink_agrees, "what the sink has is gone");
    }

    #[test]
    fn a_missing_notice_is_told_once_a_day() {
        let world = World::new(Engine::Memory);
        let mut looked = None;
        let mut look = || warn_of_missing_notice(&world.core, &mut looked).unwrap();
        assert_eq!((look(), look()), (Some(2027), None), "it is November");
        world.clock.advance(Duration::from_secs(24 * 3600));
        assert_eq!((look(), look()), (Some(2027), None));
    }

    #[test]
    fn failures_are_survived_and_told_once_a_minute() {
        let mut failing = HashMap::new();
        for _ in 0..3 {
            assert_eq!(attempt(&mut failing, "x", || Err::<(), _>("no")), None);
        }
        assert_eq!(failing["x"], 3);
        assert_eq!(attempt(&mut failing, "x", || -> Result<(), String> { panic!("boom") }), None);
        assert_eq!(attempt(&mut failing, "x", || Ok::<_, String>(5)), Some(5));
        assert!(failing.is_empty());
    }
}
