//! What every store must do, as plain functions that each backend runs: each takes a fresh, empty store opened
//! with [`fixture::PROJECTIONS`] on a database that has the tables of [`fixture::tables`], and panics when the
//! store does otherwise. The product's own tables are not needed: what holds for these holds for those.

// Tests in all but name: a failure is a panic with a reason.
#![expect(clippy::unwrap_used, reason = "a conformance function fails by panicking")]

pub mod anomalies;
mod claims;
pub mod fixture;
mod lists;
mod ranges;
mod rows;
mod transactions;

use std::sync::Arc;

pub use claims::race;

use super::{Isolation, Priority, Spec, Store};

/// One function of the suite with its name.
pub type Case = (&'static str, fn(&dyn Store));

/// One that hands the store itself to a body.
pub type OwnedCase = (&'static str, fn(&Arc<dyn Store>));

macro_rules! cases {
    ($($module:ident :: $name:ident),* $(,)?) => { &[$((stringify!($name), $module::$name)),*] };
}

/// The whole suite.
pub const ALL: &[Case] = cases![
    rows::a_row_is_found_by_its_key_and_only_by_its_key,
    rows::many_rows_are_found_by_their_keys,
    rows::every_kind_of_value_comes_back_as_it_was,
    rows::a_second_row_with_the_same_key_is_refused,
    rows::a_second_row_with_the_same_unique_values_is_refused,
    rows::rows_with_a_null_in_a_unique_index_never_clash,
    rows::insert_new_leaves_what_is_there,
    rows::an_update_of_another_version_is_a_conflict,
    rows::a_delete_of_another_version_is_a_conflict,
    rows::an_update_moves_index_entries,
    rows::numbers_rise_in_the_order_of_commits,
    rows::segments_come_back_in_order,
    ranges::a_range_is_what_filtering_every_row_gives,
    ranges::an_index_leaves_out_rows_with_a_null,
    ranges::a_table_is_walked_page_by_page_without_loss,
    lists::a_scoped_list_equals_a_filter_over_every_row,
    lists::what_is_kept_from_a_reader_leaves_no_gap,
    lists::pages_are_stable_while_rows_arrive,
    lists::an_updated_row_moves_between_scopes,
    transactions::an_error_of_the_rule_takes_everything_back,
    transactions::a_panic_takes_back_its_own_body_only,
    transactions::the_first_error_ends_the_transaction,
    transactions::a_swallowed_error_does_not_commit,
    transactions::what_is_taken_back_leaves_no_index_entry_posting_or_projection,
    transactions::a_read_sees_one_moment,
    transactions::a_write_sees_its_own_work,
    transactions::locks_out_of_order_are_an_error,
    transactions::commits_are_hinted_at,
    transactions::writes_of_many_threads_are_all_there,
    claims::a_claim_has_one_winner,
    claims::the_last_slot_is_never_oversold,
    claims::ten_places_go_to_ten_rivals,
    claims::expired_holds_free_their_places_once,
    claims::a_slot_is_held_confirmed_and_cancelled,
];

/// Those that hand the store itself to a body.
pub const OWNED: &[OwnedCase] = cases![transactions::a_body_that_calls_the_store_gets_an_error];

/// A write that takes its guard row first.
fn guarded() -> Spec {
    Spec { name: "conformance.guarded", isolation: Isolation::Guarded, priority: Priority::Interactive }
}

/// A write that the engine makes serial.
fn serial() -> Spec {
    Spec { name: "conformance.serial", isolation: Isolation::Serializable, priority: Priority::Interactive }
}

/// An id with the number `n` in its last bytes.
fn id(n: u64) -> [u8; 16] {
    u128::from(n).to_be_bytes()
}
