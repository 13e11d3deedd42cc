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
/// How long a delivery is kept once the receiver has it: half a year, as logs are.
pub const DELIVERED_RETENTION: Duration = Duration::from_secs(184 * 24 * 3600);
/// How long it is remembered how far a list came.
pub const BULK_PROGRESS_RETENTION: Duration = Duration::from_secs(30 * 24 * 3600);
/// How often what is past its retention is forgotten.
pub const FORGET_KEYS_EVERY: Duration = Duration::from_secs(3600);
/// Characters of a request id.
pub const REQUEST_ID_CHARS_MAX: usize = 64;

// Access

/// Failed sign-ins before an account is locked (GB/T 22239-2019 8.1.4.1 b).
pub const SIGN_IN_FAILURES_MAX: i64 = 5;
/// Failed sign-ins count for so long after the last of them.
pub const SIGN_IN_FAILURES_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long it stays locked.
pub const SIGN_IN_LOCK: Duration = Duration::from_secs(30 * 60);
/// An officer's password must be changed when it is older than this.
pub const OFFICER_PASSWORD_AGE_MAX: Duration = Duration::from_secs(90 * 24 * 3600);
/// A password that somebody else gave is good for so long: who it is for signs in and chooses their own before.
pub const GIVEN_PASSWORD_VALID: Duration = Duration::from_secs(24 * 3600);
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
/// Beyond them so many that are over are looked at, the newest, whether they end what is held here, and so many that go on.
pub const RELATIONS_BEYOND_MAX: usize = 100;
/// How far another system's clock may be ahead of ours before its times are refused.
pub const CLOCK_SKEW_MAX: Duration = Duration::from_secs(300);
/// Relations of one enterprise, ended ones too.
pub const RELATIONS_PER_ENTERPRISE_MAX: u32 = 500;
/// Newest relations of a person that a gate or a card looks at for whom they act: an accountant acts for many.
pub const ENTERPRISES_PER_PERSON_MAX: u32 = 500;
/// Relations of one person, or of the enterprise that signed in, shown on a card: the newest.
pub const RELATIONS_SHOWN_MAX: u32 = 50;
/// Officers shown who look after a taxpayer or did: the newest.
pub const GRID_OFFICERS_SHOWN_MAX: u32 = 50;
/// Enterprises of one who acts for several, of which it is asked who looks after them.
pub const GRID_ENTERPRISES_MAX: usize = 20;
/// Characters of an id in another system.
pub const EXTERNAL_ID_CHARS_MAX: usize = 100;
/// Sessions, former numbers, rows of lists, and conversations of a person that are erased, and relations that are ended, in one
/// transaction; each.
pub const ERASED_AT_ONCE: u32 = 100;
/// Keys that a host wraps anew in one go before it does something else.
pub const REWRAP_AT_ONCE: usize = 2000;
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
/// Approvals shown at once; each carries all that was put forward.
pub const APPROVALS_SHOWN_MAX: u32 = 20;
/// Approvals looked at for one page of those that the caller may see.
pub const APPROVALS_SCANNED_MAX: u32 = 200;
/// Steps of a rule of approval.
pub const APPROVAL_STEPS_MAX: usize = 5;
/// Votes that one step asks for.
pub const APPROVAL_VOTES_MAX: i64 = 10;
/// Days after which nobody can decide any more.
pub const APPROVAL_DAYS_MAX: i64 = 90;
/// How long one officer may stand in for another at a stretch.
pub const DELEGATION_AGE_MAX: Duration = Duration::from_secs(60 * 86_400);
/// Officers who stand in for one officer at a time.
pub const DELEGATIONS_MAX: u32 = 5;
/// Delegations looked at of one officer.
pub const DELEGATIONS_SHOWN_MAX: u32 = 50;
/// Minutes for which an emergency post may be taken.
pub const EMERGENCY_MINUTES_MAX: i64 = 240;
/// Pages of the audit trail read at once when rights are compared with it.
pub const RIGHTS_PAGES_AT_ONCE: u32 = 200;
/// So many comparisons of rights with the trail in a row may fail before nothing is trusted.
pub const RIGHTS_FAILURES_MAX: u32 = 6;
/// Posts there may be.
pub const POSTS_MAX: u32 = 500;
/// Grants read of one officer, newest first.
pub const GRANTS_READ_MAX: u32 = 500;
/// Taxpayers whose data one approval may disclose.
pub const DISCLOSED_MAX: usize = 1_000;
/// Rows of a list that are told one by one, of which something is wrong.
pub const LIST_ROWS_TOLD_MAX: usize = 1_000;
/// Bytes of an iCalendar file.
pub const ICS_BYTES_MAX: usize = 1024 * 1024;
/// Events of an iCalendar file: some forty a year.
pub const ICS_EVENTS_MAX: usize = 1000;
/// Longest term in working days that may be asked for: forty years.
pub const TERM_WORKING_DAYS_MAX: u32 = 10_000;
/// Pauses of a term that somebody asks about.
pub const TERM_PAUSES_MAX: usize = 100;
/// Longest term in minutes that may be asked for: ten years.
pub const TERM_MINUTES_MAX: u32 = 5_256_000;
/// Stretches of a day in which an office is open.
pub const SPANS_PER_DAY_MAX: usize = 8;
/// Times an authority's ordinary hours change.
pub const HOURS_SEASONS_MAX: usize = 400;
/// Days on which an authority has other hours.
pub const HOURS_EXCEPTIONS_MAX: usize = 4000;

// Interaction

/// Characters of an appeal, and of the answer to one.
pub const APPEAL_CHARS_MAX: usize = 2000;

/// Characters of what was written in an appeal that arrives by a channel, and of what was answered there.
pub const ARRIVAL_CHARS_MAX: usize = 10_000;

/// Characters of the title of an appeal that arrives by a channel.
pub const ARRIVAL_TITLE_CHARS_MAX: usize = 200;

/// Working days within which a channel may ask that an appeal is answered.
pub const APPEAL_WORKING_DAYS_MAX: u32 = 250;

/// Titles of columns and words that a channel may name.
pub const CHANNEL_NAMES_MAX: usize = 200;

/// Digits of a phone by which appeals are found to be of the same person: an extension alone says nothing.
pub const REPORTER_PHONE_DIGITS_MIN: usize = 7;

/// An appeal of the same phone within this time is told of as related.
pub const RELATED_WITHIN: Duration = Duration::from_secs(30 * 24 * 3600);

/// Appeals of one channel that are counted at once.
pub const APPEALS_COUNTED_MAX: usize = 1_000_000;
/// Characters of one message.
pub const MESSAGE_CHARS_MAX: usize = 2000;
/// A message may be recalled by its sender for so long.
pub const RECALL_WITHIN: Duration = Duration::from_secs(2 * 60);
/// Characters of a quoted message that are shown with the one that quotes it.
pub const QUOTE_CHARS_MAX: usize = 50;
/// Messages of one conversation.
pub const MESSAGES_PER_CONVERSATION_MAX: i64 = 10_000;
/// Characters of a topic.
pub const TOPIC_CHARS_MAX: usize = 100;
/// Characters of what a canned reply is for, and of what is looked for among them.
pub const CANNED_TOPIC_CHARS_MAX: usize = 20;
/// Characters of a canned reply.
pub const CANNED_REPLY_CHARS_MAX: usize = 500;
/// Canned replies of one authority, and of one officer: as many as one page shows.
pub const CANNED_REPLIES_MAX: u32 = 200;
/// Canned replies looked through for one list: those of an officer and of every authority above them.
pub const CANNED_REPLIES_SCANNED_MAX: u32 = 2_000;
/// Officers whose names are opened, or whose numbers are passed over, by one call of a search; the next one goes on.
pub const OFFICERS_SEARCHED_MAX: u32 = 1_000;
/// Ids of one answer that are told by name.
pub const NAMES_SHOWN_MAX: usize = 200;
/// Characters of what is looked for in one's own conversations, at least: of Chinese two say something.
pub const SEARCH_CHARS_MIN: usize = 2;
/// The same, at most.
pub const SEARCH_CHARS_MAX: usize = 50;
/// Characters shown on either side of what was found.
pub const SEARCH_AROUND_CHARS: usize = 20;
/// Messages opened by one call of a search; the next one goes on.
pub const SEARCHED_MESSAGES_MAX: u32 = 2_000;
/// Conversations looked at by one call of a search: each has a key to unwrap.
pub const SEARCHED_CONVERSATIONS_MAX: u32 = 100;
/// Conversations a search lists at a time.
pub const SEARCHED_AT_ONCE: u32 = 20;
/// Bytes of a conversation that was taken away: every message as long as it may be, each character escaped.
pub const EXPORT_BYTES_MAX: usize = 256 * 1024 * 1024;
/// A conversation may be rated for so long after its end.
pub const RATE_WITHIN: Duration = Duration::from_secs(30 * 86_400);
/// Working days in which a low rating must be answered. An assumption: GB/T 39735-2020 asks for it in time and sets no number.
pub const FOLLOW_UP_WORKING_DAYS: u32 = 5;
/// Follow-ups looked at for one page of those in a state.
pub const FOLLOW_UPS_SCANNED_MAX: u32 = 1_000;
/// Due instants computed anew in one transaction.
pub const RECOMPUTED_AT_ONCE: u32 = 50;
/// They are looked at again so long after a change of the calendar: what was under way as it took effect was computed by the one before.
pub const RECOMPUTED_AGAIN_AFTER: Duration = Duration::from_secs(5 * 60);
/// Conversations that wait in a line whose hours are over, and are promised an answer in one transaction.
pub const CALLED_BACK_AT_ONCE: u32 = 100;
/// Records of the audit trail that are looked at to find those that were asked for.
pub const AUDIT_SCANNED_MAX: u32 = 5_000;
/// Officers who are remembered to have served one conversation.
pub const SERVED_BY_MAX: usize = 50;
/// Characters of a closing note.
pub const CLOSING_NOTE_CHARS_MAX: usize = 500;
/// Conversations an officer may hold at once, unless their record says less.
pub const OFFICER_CAPACITY_MAX: i64 = 50;
/// The newest conversations of whoever supervises that are looked through for the one they take part in.
pub const JOINED_SCANNED_MAX: u32 = 50;
/// Conversations an officer may have on hold beside those.
pub const ON_HOLD_MAX: i64 = 5;
/// Conversations an officer has at most, whatever comes back from hold: nobody is taken who would be one more than they may hold.
pub const OFFICER_DESK_MAX: u32 = (OFFICER_CAPACITY_MAX + ON_HOLD_MAX) as u32;
/// Seconds without an answer after which an officer is reminded, in a line that declares nothing: an assumption.
pub const UNANSWERED_S: i64 = 60;
/// Seconds after that at which those who supervise are told, in a line that declares nothing: an assumption.
pub const ESCALATE_S: i64 = 120;
/// The same, whatever is set.
pub const UNANSWERED_S_MAX: i64 = 24 * 3600;
/// Minutes for which a conversation may be put on hold at once.
pub const HOLD_MINUTES_MAX: i64 = 60;
/// Minutes after the last word until which a conversation may be on hold, however often that is put off.
pub const HELD_SILENT_MINUTES_MAX: i64 = 4 * 60;
/// A message behind more than these is reminded of as one of many, though its side of the conversation wrote nothing before.
pub const FIRST_MESSAGE_NUMBER_MAX: i64 = 20;
/// Remarks of officers beside one conversation.
pub const WHISPERS_PER_CONVERSATION_MAX: i64 = 500;
/// An officer's presence ends this long after its last renewal.
pub const PRESENCE_LEASE: Duration = Duration::from_secs(45);
/// So long after that what they hold goes back to its lines.
pub const OFFICER_GRACE: Duration = Duration::from_secs(60);
/// Officers who are gone and are looked after at once.
pub const GONE_AT_ONCE: u32 = 50;
/// "Is typing" is forgotten after this long.
pub const TYPING_SHOWN: Duration = Duration::from_secs(6);
/// An active conversation in which nobody writes is closed after this long.
pub const CONVERSATION_IDLE: Duration = Duration::from_secs(30 * 60);
/// Conversations from which a line's handling time is estimated.
pub const ESTIMATE_SAMPLE: u32 = 20;
/// Handling time assumed for a line that has closed no conversation yet.
pub const ESTIMATE_DEFAULT: Duration = Duration::from_secs(8 * 60);
/// A longer wait is not told as a number: nobody plans by it, and the line says that it is overloaded.
pub const ESTIMATE_MAX: Duration = Duration::from_secs(2 * 3600);
/// People who may wait in a line, where nothing else was set.
pub const LINE_WAITING_DEFAULT: i64 = 300;
/// People who may wait in a line, whatever is set.
pub const LINE_WAITING_MAX: i64 = 250_000;
/// Minutes of office time within which a message that was left is answered, where nothing else was set: an assumption.
pub const LINE_REPLY_MINUTES_DEFAULT: i64 = 120;
/// The same, whatever is set: about two weeks of office time.
pub const LINE_REPLY_MINUTES_MAX: i64 = 10 * 8 * 60;
/// Seconds within which a line may promise that somebody answers.
pub const LINE_PROMISE_S_MAX: i64 = 3600;
/// Characters of what a line says while it is not served.
pub const CLOSING_MESSAGE_CHARS_MAX: usize = 200;
/// Conversations that a page looks through where not all are wanted.
pub const CONVERSATIONS_SCANNED_MAX: u32 = 2_000;
/// Lines that the wall of whoever supervises shows.
pub const WALL_LINES_MAX: usize = 1_000;
/// Conversations of one line that wait, and that go on, which it looks through.
pub const WALL_PER_LINE_MAX: u32 = 500;
/// Conversations of all lines that it looks through.
pub const WALL_CONVERSATIONS_MAX: u32 = 20_000;
/// Of those who wait too long, as many are shown on it.
pub const LONG_WAITS_SHOWN_MAX: usize = 100;
/// Conversations that are counted by channel at once.
pub const CONVERSATIONS_COUNTED_MAX: u32 = 100_000;
/// Timelines of a calendar that are kept, each of authority or line hours.
pub const TIMELINES_KEPT_MAX: usize = 256;
/// Lines one authority may have open to a taxpayer's view.
pub const LINES_SHOWN_MAX: u32 = 100;

// Assignment

/// Steps of a schedule by which a line asks for less the longer somebody waits.
pub const RELAX_STEPS_MAX: usize = 16;
/// Seconds after which a line that declares nothing asks for less: the parent topic, one authority up, anybody.
pub const RELAX_AFTER_S: [u32; 3] = [60, 120, 240];
/// Seconds for which a line that declares nothing holds something for the taxpayer's own officer.
pub const OWN_WAIT_S: u32 = 60;
/// Seconds for which an offer stays without an answer, in a line that declares nothing.
pub const OFFER_S: u32 = 30;
/// Both of these, whatever is declared: an offer outlives nobody by long, and is not made anew each second.
pub const OFFER_S_MIN: u32 = 5;
/// The same.
pub const OFFER_S_MAX: u32 = 3_600;
/// Seconds after which somebody who let it pass may be offered it again, in a line that declares nothing.
pub const OFFER_AGAIN_S: u32 = 300;
/// Officers, and older ones of a line, that the reason of a decision names.
pub const ASSIGNMENT_NAMED_MAX: usize = 3;
/// Topics of a line's tree.
pub const ROUTED_TOPICS_MAX: usize = 200;
/// Characters of a topic's code.
pub const TOPIC_CODE_CHARS_MAX: usize = 32;
/// Officers who are named in a line with what they know.
pub const SPECIALISTS_MAX: usize = 100;
/// The first of a line that is shared out by topics who are looked at for an officer who asks.
pub const ROUTED_LOOKED_AT: usize = 200;
/// As many are read for that, where some of them wait for other specialists.
pub const ROUTED_READ_MAX: usize = 2000;

/// Offers that one look at a line makes.
pub const OFFERS_AT_ONCE: usize = 20;
/// Turns that lines take in one look at what is to be offered, where the same officers may serve several.
pub const OFFER_ROUNDS: u32 = 20;
/// What an officer has and had is read again after at least this long, where nothing of it moved, and after at most twice as long.
pub const WORKLOAD_KNOWN: Duration = Duration::from_secs(60);
/// Officers who are there and are looked at for a line that offers.
pub const OFFERED_OFFICERS_MAX: usize = 1_000;
/// Who let a conversation pass and is remembered.
pub const PASSES_KEPT_MAX: usize = 20;
/// An officer's load is what they had within this.
pub const LOAD_WINDOW: Duration = Duration::from_secs(4 * 3600);
/// The newest of their conversations from which it is counted.
pub const LOAD_SAMPLE: u32 = 50;

// What if

/// Arrivals of a day that is played.
pub const SIMULATED_ARRIVALS_MAX: usize = 1_000_000;
/// Shifts of a day that is played.
pub const SIMULATED_SHIFTS_MAX: usize = 10_000;
/// Lines of such a day.
pub const SIMULATED_LINES_MAX: usize = 200;
/// Conversations an officer of such a day has at once.
pub const SIMULATED_CAPACITY_MAX: u32 = 1_000;

// Journal, audit, outbox, agenda

/// Events of one page.
pub const EVENTS_PAGE_MAX: u32 = 500;
/// Topics one reader may follow.
pub const TOPICS_PER_READER_MAX: usize = 512;
/// Readers that are shown an event, or whose sessions are looked at, in one snapshot: bounds how long it is held.
pub const READERS_SHOWN_MAX: usize = 1000;
/// Audit records sealed in one transaction.
pub const SEAL_RECORDS_MAX: u32 = 500;
/// Records that verification reads at a time.
pub const VERIFY_PAGE_ROWS: u32 = 500;
/// Pages that verification reads ahead of what it hashes.
pub const VERIFY_PAGES_AHEAD: usize = 4;
/// Pages that the watch over the trail reads in one transaction.
pub const WATCH_PAGES_AT_ONCE: usize = 4;
/// Time after which the watch reads the trail anew.
pub const WATCH_EVERY: Duration = Duration::from_secs(24 * 3600);
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

// Control

/// Largest threshold of a rule of control.
pub const CONTROL_THRESHOLD_MAX: i64 = 10_000;
/// Longest window of a rule of control: screening reads so far back.
pub const CONTROL_WINDOW_MINUTES_MAX: i64 = 24 * 60;
/// Days after which it is noted that an account was not used.
pub const IDLE_NOTED_DAYS: i64 = 30;
/// Fewest days without use after which an account may be refused: fewer would put out whoever is on leave, those who approve rules among them.
pub const DORMANT_LOCK_DAYS_MIN: i64 = 30;
/// Callers whose refusals a host counts at a time.
pub const DENIED_CALLERS_MAX: usize = 10_000;
/// How long refusals of a caller are counted before they are written down.
pub const DENIALS_WRITTEN_EVERY: Duration = Duration::from_secs(60);
/// Records of the audit trail that are read at a time for screening.
pub const SCREENED_AT_ONCE: u32 = 500;
/// Pages of them that one run of the timer reads; the next run goes on.
pub const SCREENED_PAGES_MAX: usize = 40;
/// How often the audit trail is screened.
pub const SCREEN_EVERY: Duration = Duration::from_secs(5 * 60);
/// Findings written down in one transaction.
pub const FINDINGS_AT_ONCE: usize = 50;
/// Alerts looked at for one page of those in a state.
pub const ALERTS_SCANNED_MAX: u32 = 1_000;
/// Hours of the day, Beijing time, outside which access is off-hours: from, until.
pub const ON_DUTY_HOURS: (i64, i64) = (7, 20);
/// Counts of what was revealed that are swept at once, where no window reaches them any more.
pub const SHOWN_SWEPT_AT_ONCE: u32 = 50;
