//! The migrated schema is the declared one, and every range of every table is read along an index.

use std::collections::BTreeMap;

use postgres::{Client, NoTls};
use rusqlite::Connection;
use zhengna_core::store::sql::{Dialect, RangeForm, declared_schema, range_forms};
use zhengna_core::store::{Kind, Table, tables};
use zhengna_tests::postgres::cluster;
use zhengna_tests::world::{Engine, Keep};

/// Per table or index: one line per property.
type Catalogue = BTreeMap<String, Vec<String>>;

fn lines(conn: &Connection, sql: &str) -> Vec<String> {
    let mut statement = conn.prepare(sql).unwrap();
    let columns = statement.column_count();
    let row = |row: &rusqlite::Row| -> rusqlite::Result<String> {
        let cells: Vec<String> =
            (0..columns).map(|i| row.get::<_, rusqlite::types::Value>(i).map(|v| format!("{v:?}"))).collect::<Result<_, _>>()?;
        Ok(cells.join(" "))
    };
    statement.query_map([], row).unwrap().collect::<Result<_, _>>().unwrap()
}

fn names(conn: &Connection, sql: &str) -> Vec<String> {
    let mut statement = conn.prepare(sql).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

fn sqlite_catalogue(conn: &Connection) -> Catalogue {
    let mut catalogue = Catalogue::new();
    for table in names(conn, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'schema_migration'") {
        let mut said = lines(conn, &format!("SELECT wr, strict FROM pragma_table_list('{table}') WHERE schema = 'main'"));
        said.extend(lines(
            conn,
            &format!("SELECT cid, name, type, \"notnull\", pk, dflt_value FROM pragma_table_xinfo('{table}') ORDER BY cid"),
        ));
        catalogue.insert(table.clone(), said);
        for index in names(conn, &format!("SELECT name FROM pragma_index_list('{table}') WHERE origin <> 'pk'")) {
            let mut said = lines(conn, &format!("SELECT \"unique\", partial FROM pragma_index_list('{table}') WHERE name = '{index}'"));
            said.extend(lines(
                conn,
                &format!("SELECT seqno, name, \"desc\", coll FROM pragma_index_xinfo('{index}') WHERE key ORDER BY seqno"),
            ));
            catalogue.insert(format!("{table}: {index}"), said);
        }
    }
    catalogue
}

fn postgres_catalogue(client: &mut Client) -> Catalogue {
    let rows = client
        .query(
            "SELECT c.relname::text,
                    format('%s %s %s%s default %s', a.attnum, a.attname, format_type(a.atttypid, a.atttypmod),
                           CASE WHEN a.attnotnull THEN ' not null' ELSE '' END, pg_get_expr(d.adbin, d.adrelid))
             FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
             LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
             WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> 'schema_migration'
             UNION ALL
             SELECT i.tablename || ': ' || i.indexname, i.indexdef FROM pg_indexes i
             WHERE i.schemaname = 'public' AND i.tablename <> 'schema_migration'
             ORDER BY 1, 2",
            &[],
        )
        .unwrap();
    let mut catalogue = Catalogue::new();
    for row in rows {
        catalogue.entry(row.get(0)).or_default().push(row.get(1));
    }
    catalogue
}

/// Names what differs, not two pages of text.
fn compare(migrated: &Catalogue, declared: &Catalogue) {
    let keys: std::collections::BTreeSet<&String> = migrated.keys().chain(declared.keys()).collect();
    let wrong: Vec<String> = keys
        .into_iter()
        .filter(|k| migrated.get(*k) != declared.get(*k))
        .map(|k| format!("{k}\n  migrated {:#?}\n  declared {:#?}", migrated.get(k), declared.get(k)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(declared.len() > tables().len(), "the catalogue was not read");
}

fn migrated_sqlite() -> (Keep, Connection) {
    let keep = Keep::fresh(Engine::Sqlite);
    drop(keep.open());
    let conn = Connection::open(keep.path().unwrap()).unwrap();
    (keep, conn)
}

fn migrated_postgres() -> (Keep, Client) {
    let keep = Keep::fresh(Engine::Postgres);
    let Keep::Database(database) = &keep else { unreachable!("asked for PostgreSQL") };
    let client = Client::connect(database.url(), NoTls).unwrap();
    (keep, client)
}

#[test]
fn the_migrated_sqlite_schema_is_the_declared_one() {
    let (_keep, migrated) = migrated_sqlite();
    let declared = Connection::open_in_memory().unwrap();
    declared.execute_batch(&Dialect::Sqlite.ddl(&declared_schema())).unwrap();
    compare(&sqlite_catalogue(&migrated), &sqlite_catalogue(&declared));
}

#[test]
fn the_migrated_postgres_schema_is_the_declared_one() {
    let (_keep, mut migrated) = migrated_postgres();
    let empty = cluster().empty();
    let mut declared = Client::connect(empty.url(), NoTls).unwrap();
    declared.batch_execute(&Dialect::Postgres.ddl(&declared_schema())).unwrap();
    compare(&postgres_catalogue(&mut migrated), &postgres_catalogue(&mut declared));
}

fn each_form(dialect: Dialect, mut explain: impl FnMut(&'static Table, &RangeForm) -> Result<(), String>) {
    let (mut tried, mut wrong) = (0, Vec::new());
    for table in tables() {
        for form in range_forms(dialect, table) {
            tried += 1;
            if let Err(plan) = explain(table, &form) {
                wrong.push(format!("{}\n{plan}", form.text));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {tried} ranges are not read along an index:\n{}", wrong.len(), wrong.join("\n\n"));
    assert!(tried > 500, "only {tried} forms were tried");
}

/// Whether a form asks for one row, which any index that has the key may find.
fn whole_key(table: &'static Table, form: &RangeForm) -> bool {
    table.key.iter().all(|&k| form.prefix.contains(&table.columns[k].name))
}

/// Indexes that begin with the columns of the one a form is meant for: along them rows come in the same order.
fn as_good(table: &'static Table, form: &RangeForm) -> impl Iterator<Item = String> {
    let name_of = |i: usize| format!("{}_{}", table.name, table.indexes[i].name.to_lowercase());
    let own = form.index.as_ref().and_then(|own| (0..table.indexes.len()).find(|&i| name_of(i) == *own));
    let columns = own.map_or(table.key, |i| table.indexes[i].columns);
    (0..table.indexes.len()).filter(move |&i| table.indexes[i].columns.starts_with(columns)).map(name_of)
}

#[test]
fn sqlite_reads_every_range_along_an_index_without_sorting() {
    let (_keep, conn) = migrated_sqlite();
    each_form(Dialect::Sqlite, |table, form| {
        let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {}", form.text)).unwrap();
        let plan: Vec<String> = statement
            .query_map(rusqlite::params_from_iter(form.parameters.iter().map(|_| 1)), |row| row.get(3))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        let [step] = &plan[..] else { return Err(plan.join("\n")) };
        let bounds = step.split_once('(').map_or("", |(_, bounds)| bounds);
        let index = match &form.index {
            Some(name) => step.contains(&format!("INDEX {name} ")) || step.ends_with(name.as_str()),
            None => !step.contains("INDEX ") && (!form.bounded || step.contains("USING PRIMARY KEY")),
        };
        let index = index || as_good(table, form).any(|name| step.contains(&format!("INDEX {name} ")) || step.ends_with(&name));
        // An index that goes on with the key: once the key's first column is given the key itself is as good.
        let by_key = step.contains("USING PRIMARY KEY") && form.prefix.contains(&table.columns[table.key[0]].name);
        let searched = step.starts_with("SEARCH") || !form.bounded;
        let narrowed = form.prefix.iter().all(|column| bounds.contains(&format!("{column}=?")));
        if searched && (whole_key(table, form) || by_key || index && narrowed) { Ok(()) } else { Err(step.clone()) }
    });
}

#[test]
fn postgres_reads_every_range_along_an_index_without_sorting() {
    let (_keep, mut client) = migrated_postgres();
    // The tables are empty, so costs mean nothing: what can be avoided is forbidden, what remains is needed.
    client
        .batch_execute(
            "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off; SET enable_incremental_sort = off; SET plan_cache_mode = force_generic_plan",
        )
        .unwrap();
    each_form(Dialect::Postgres, |table, form| {
        let kinds: Vec<&str> = form
            .parameters
            .iter()
            .map(|k| match k {
                Kind::Int => "bigint",
                Kind::Text => "text",
                Kind::Bytes => "bytea",
            })
            .collect();
        let nulls = vec!["NULL"; kinds.len()].join(", ");
        client.batch_execute(&format!("PREPARE form ({}) AS {}", kinds.join(", "), form.text)).unwrap();
        let rows = client.query(&format!("EXPLAIN EXECUTE form ({nulls})"), &[]).unwrap();
        client.batch_execute("DEALLOCATE form").unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        let plan = plan.join("\n");
        let condition = plan.lines().find(|l| l.contains("Index Cond")).unwrap_or_default();
        let narrowed = form.prefix.iter().all(|column| condition.contains(&format!("({column} = ")));
        let own = form.index.clone().unwrap_or_else(|| format!("{}_pkey", table.name));
        let own = as_good(table, form).chain([own]).any(|name| plan.contains(&format!("using {name} ")));
        let along = own || narrowed && !form.prefix.is_empty();
        if (along && narrowed || whole_key(table, form)) && !plan.contains("Sort") && !plan.contains("Seq Scan") {
            Ok(())
        } else {
            Err(plan)
        }
    });
}
