//! Every limit, in one place. A limit is a promise about the worst case; each is tested at its edge.

use std::time::Duration;

// Storage

/// Attempts of a body before a conflict is reported.
pub const TX_ATTEMPTS_MAX: u32 = 8;
/// Longest write transaction; longer work is bulk or a job.
pub const TX_TIME_MAX: Duration = Duration::from_millis(250);
/// Attempts of a body that took too long before that is reported: the machine may have been busy with something
/// else, and a body may run again.
pub const TX_SLOW_ATTEMPTS_MAX: u32 = 3;
/// Writes that may wait in each lane of a store before it says "busy".
pub const WRITE_QUEUE_MAX: usize = 1024;
/// Writes that one SQLite commit may carry.
pub const BATCH_JOBS_MAX: usize = 512;
/// After this long a SQLite batch takes no more writes in.
pub const BATCH_SLICE: Duration = Duration::from_millis(20);
/// SQLite connections for reading.
pub const READERS_MAX: usize = 8;
/// Longest wait for a free reader.
pub const READER_WAIT_MAX: Duration = Duration::from_secs(5);
/// Longest wait for SQLite's own file locks.
pub const SQLITE_BUSY_WAIT: Duration = Duration::from_secs(5);
/// Page cache of the SQLite writer: the inner pages of every index and the pages written lately fit.
pub const WRITER_CACHE_KIB: i64 = 64 * 1024;
/// Pages of WAL after which SQLite moves them into the database. Its own thousand are filled by 350 messages, and pages
/// that are written again and again are moved again and again.
pub const WAL_CHECKPOINT_PAGES: i64 = 4000;
/// Pages a backup copies between two looks at the writer.
pub const BACKUP_PAGES_PER_STEP: i32 = 256;
/// Prepared statements kept per connection.
pub const PREPARED_STATEMENTS_MAX: usize = 256;
/// PostgreSQL connections per host that work: more are slower on the same cores. Two more listen and hint.
pub const POSTGRES_CONNECTIONS: usize = 8;
/// A PostgreSQL server whose machine has said nothing for so long is taken for gone.
pub const POSTGRES_SILENCE_MAX: Duration = Duration::from_secs(10);
/// Bytes of a note that is told to other hosts without touching a disk (PostgreSQL refuses 8000).
pub const WHISPER_BYTES_MAX: usize = 2000;
/// Rows of one page of any list.
pub const PAGE_ROWS_MAX: u32 = 200;
/// Rows of a page where the caller names no number.
pub const PAGE_ROWS_DEFAULT: u32 = 50;
/// Rows of one chunk of a bulk operation: one transaction, one audit record.
pub const BULK_CHUNK_ROWS: usize = 200;
/// Rows of one bulk operation.
pub const BULK_ROWS_MAX: usize = 1_000_000;

// The door

/// Characters of an idempotency key.
pub const IDEMPOTENCY_KEY_CHARS_MAX: usize = 64;
/// How long a repeated key is answered from memory, at least.
pub const IDEMPOTENCY_RETENTION: Duration = Duration::from_secs(30 * 24 * 3600);
/// How often old keys are forgotten.
pub const FORGET_KEYS_EVERY: Duration = Duration::from_secs(3600);
/// Characters of a request id.
pub const REQUEST_ID_CHARS_MAX: usize = 64;

// Access

/// Failed sign-ins before an account is locked (GB/T 22239-2019 8.1.4.1 b).
pub const SIGN_IN_FAILURES_MAX: i64 = 5;
/// Unknown logins whose failed sign-ins a host remembers, so that they are told the same as known ones.
pub const STRANGE_LOGINS_MAX: usize = 10_000;
/// How long it stays locked.
pub const SIGN_IN_LOCK: Duration = Duration::from_secs(30 * 60);
/// An officer's password must be changed when it is older than this.
pub const OFFICER_PASSWORD_AGE_MAX: Duration = Duration::from_secs(90 * 24 * 3600);
/// A new password may be none of the last so many, the present one among them.
pub const PASSWORDS_REMEMBERED: usize = 5;
/// After the right password the second factor must be shown within this long.
pub const CHALLENGE_AGE_MAX: Duration = Duration::from_secs(5 * 60);
/// Codes made with a second factor for the day when the telephone is lost; each is good once.
pub const RECOVERY_CODES: usize = 10;
/// Characters of what is typed as a code, blanks and hyphens among them.
pub const CODE_CHARS_MAX: usize = 32;
/// Staff sessions end after this long without a request.
pub const STAFF_IDLE: Duration = Duration::from_secs(15 * 60);
/// Taxpayer sessions end after this long without a request.
pub const TAXPAYER_IDLE: Duration = Duration::from_secs(30 * 60);
/// Every session ends after this long.
pub const SESSION_AGE_MAX: Duration = Duration::from_secs(12 * 3600);
/// A session's last use is written down no more often than this.
pub const SESSION_TOUCH_EVERY: Duration = Duration::from_secs(60);
/// Sessions of one taxpayer; the oldest ends when one more begins.
pub const TAXPAYER_SESSIONS_MAX: usize = 3;
/// A one-time ticket for a socket must be used within this long.
pub const SOCKET_TICKET_AGE_MAX: Duration = Duration::from_secs(30);
/// Characters of a sign-in name.
pub const LOGIN_CHARS_MAX: usize = 64;
/// Characters of a password.
pub const PASSWORD_CHARS_MAX: usize = 128;
/// Posts one officer may hold at a time.
pub const GRANTS_PER_OFFICER_MAX: u32 = 32;
/// Characters of a name of a person, an authority, a line.
pub const NAME_CHARS_MAX: usize = 100;
/// Depth of the authority tree below its root. Nothing stores a fixed number of levels; this stops loops.
pub const AUTHORITY_DEPTH_MAX: usize = 32;

/// Tickets whose time is over that are swept by whoever needs the next.
pub const EXPIRED_SWEPT_AT_ONCE: u32 = 8;
/// Characters of what a client brings from an identity provider.
pub const PROOF_CHARS_MAX: usize = 4096;
/// Seconds after which a sign-in through a provider that did not answer may be tried again.
pub const PROVIDER_RETRY_S: u32 = 5;
/// An account that is linked to nobody must be verified within this long, or signs in anew.
pub const LINK_TICKET_AGE_MAX: Duration = Duration::from_secs(15 * 60);
/// Accounts at providers that are linked to one person; the oldest is unlinked when one more comes.
pub const LINKED_IDENTITIES_MAX: usize = 10;
/// Longest time a ticket of the portal may say it is good.
pub const PORTAL_TICKET_AGE_MAX: Duration = Duration::from_secs(5 * 60);

// Identity

/// Relations of one person that are taken over from an identity provider at a sign-in: the newest. Each costs some reads within the
/// transaction.
pub const RELATIONS_ASSERTED_MAX: usize = 50;
/// How far another system's clock may be ahead of ours before its times are refused.
pub const CLOCK_SKEW_MAX: Duration = Duration::from_secs(300);
/// Relations of one enterprise, ended ones too.
pub const RELATIONS_PER_ENTERPRISE_MAX: u32 = 500;
/// Relations of one person, or of the enterprise that signed in, shown on a card: the newest.
pub const RELATIONS_SHOWN_MAX: u32 = 50;
/// Characters of an id in another system.
pub const EXTERNAL_ID_CHARS_MAX: usize = 100;
/// Characters of the name or number of a document.
pub const DOCUMENT_CHARS_MAX: usize = 100;

// Calendar

/// First year of every calendar.
pub const CALENDAR_FIRST_YEAR: i32 = 2000;
/// Last year of every calendar.
pub const CALENDAR_LAST_YEAR: i32 = 2099;
/// From this day on, December may still be arranged by next year's notice.
pub const CALENDAR_DECEMBER_DAY: u32 = 28;
/// Lines of a file of notices: some forty a year.
pub const CALENDAR_LINES_MAX: usize = 5000;
/// Days of one proposed notice: some forty a year.
pub const NOTICE_DAYS_MAX: usize = 200;
/// Characters of the address at which a document was published.
pub const SOURCE_CHARS_MAX: usize = 500;
/// Proposals shown at once; each carries all that it proposes.
pub const PROPOSALS_SHOWN_MAX: u32 = 20;
/// Bytes of an iCalendar file.
pub const ICS_BYTES_MAX: usize = 1024 * 1024;
/// Events of an iCalendar file: some forty a year.
pub const ICS_EVENTS_MAX: usize = 1000;
/// Longest term in working days that may be asked for: forty years.
pub const TERM_WORKING_DAYS_MAX: u32 = 10_000;
/// Longest term in minutes that may be asked for: ten years.
pub const TERM_MINUTES_MAX: u32 = 5_256_000;
/// Stretches of a day in which an office is open.
pub const SPANS_PER_DAY_MAX: usize = 8;
/// Times an authority's ordinary hours change.
pub const HOURS_SEASONS_MAX: usize = 400;
/// Days on which an authority has other hours.
pub const HOURS_EXCEPTIONS_MAX: usize = 4000;

// Interaction

/// Characters of one message.
pub const MESSAGE_CHARS_MAX: usize = 2000;
/// Messages of one conversation.
pub const MESSAGES_PER_CONVERSATION_MAX: i64 = 10_000;
/// Characters of a topic.
pub const TOPIC_CHARS_MAX: usize = 100;
/// Characters of a closing note.
pub const CLOSING_NOTE_CHARS_MAX: usize = 500;
/// Conversations an officer may hold at once, unless their record says less.
pub const OFFICER_CAPACITY_MAX: i64 = 50;
/// An officer's presence ends this long after its last renewal.
pub const PRESENCE_LEASE: Duration = Duration::from_secs(45);
/// "Is typing" is forgotten after this long.
pub const TYPING_SHOWN: Duration = Duration::from_secs(6);
/// An active conversation in which nobody writes is closed after this long.
pub const CONVERSATION_IDLE: Duration = Duration::from_secs(30 * 60);
/// Conversations from which a line's handling time is estimated.
pub const ESTIMATE_SAMPLE: u32 = 20;
/// Handling time assumed for a line that has closed no conversation yet.
pub const ESTIMATE_DEFAULT: Duration = Duration::from_secs(8 * 60);
/// Lines one authority may have open to a taxpayer's view.
pub const LINES_SHOWN_MAX: u32 = 100;

// Journal, audit, outbox, agenda

/// Events of one page.
pub const EVENTS_PAGE_MAX: u32 = 500;
/// Topics one reader may follow.
pub const TOPICS_PER_READER_MAX: usize = 512;
/// Readers that are shown an event, or whose sessions are looked at, in one snapshot: bounds how long it is held.
pub const READERS_SHOWN_MAX: usize = 1000;
/// Audit records sealed in one transaction.
pub const SEAL_RECORDS_MAX: u32 = 500;
/// Records after which a checkpoint is signed.
pub const CHECKPOINT_RECORDS: i64 = 1000;
/// Time after which a checkpoint is signed.
pub const CHECKPOINT_EVERY: Duration = Duration::from_secs(60);
/// Deliveries leased at once.
pub const OUTBOX_LEASE_ROWS: u32 = 32;
/// How long a leased delivery is one worker's.
pub const OUTBOX_LEASE: Duration = Duration::from_secs(60);
/// Attempts of a delivery before it is set aside for a person to look at.
pub const OUTBOX_ATTEMPTS_MAX: i64 = 12;
/// Wait before the second attempt; doubles each time.
pub const OUTBOX_RETRY_FIRST: Duration = Duration::from_secs(2);
/// Longest wait between attempts.
pub const OUTBOX_RETRY_MAX: Duration = Duration::from_secs(3600);
/// How long a leased timer is one worker's.
pub const TIMER_LEASE: Duration = Duration::from_secs(60);
/// Attempts of a timer before it is set aside.
pub const TIMER_ATTEMPTS_MAX: i64 = 10;
