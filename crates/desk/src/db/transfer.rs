//! A whole copy of a database as one SQLite file, while others write, and the way from such a file back into an empty
//! database of either kind. The words of the search are the database's own and do not come along.
use super::{Cell, Db, Dialect, Error, FromRow, Kind, Migration, Options, Pools, Row, Tx, Value, copy};
use crate::params;
use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt::Write as _;
use std::path::Path;

/// Read and written in one go: a row may hold a megabyte of text.
const ROWS: usize = 64;

/// What stays behind: the steps, which the target has by itself, and the words of the search with its own tables.
const NOT_COPIED: [&str; 2] = ["migration", "entry_words"];

impl Db {
    /// The database as it is at one moment, as one SQLite file that is durably there when this returns; writers go on.
    /// From PostgreSQL the words of the search are missing in it.
    pub fn snapshot(&self, to: &Path, migrations: &[Migration]) -> Result<(), Error> {
        let to = utf8(to)?;
        match &*self.pools {
            Pools::Lite { readers, .. } => copy::whole(&*readers.get()?, to),
            Pools::Pg(_) => copy::written(to, |part| {
                let file = Db::open(&format!("sqlite:{part}"), &Options::default())?;
                file.migrate(migrations)?;
                self.copy_into(&file)
            }),
        }
    }

    /// A snapshot as a database. When it is closed nothing is beside the file.
    pub(crate) fn copied(snapshot: &Path) -> Result<Db, Error> {
        let db = Db::open(&format!("sqlite:{}", utf8(snapshot)?), &Options::default())?;
        // The writer is the last who closes, and removes the log if it has used it.
        db.write(|_| Ok::<_, Error>(()))?;
        Ok(db)
    }

    /// A snapshot as a database at another place, changed by `f` before it has its name; what `f` found.
    pub(crate) fn restored<T, E: From<Error>>(
        from: &Path,
        to: &Path,
        f: impl FnOnce(&Db) -> Result<T, E>,
    ) -> Result<T, E> {
        let from = utf8(from)?;
        copy::written(utf8(to)?, |part| {
            std::fs::copy(from, part).map_err(|e| Error::Store(format!("{from}: {e}")))?;
            f(&Db::copied(Path::new(part))?)
        })
    }

    /// Every row of this database into another one that has the same steps and nothing that is worth keeping: one
    /// transaction. One of the two is SQLite.
    pub fn copy_into(&self, to: &Db) -> Result<(), Error> {
        self.copy(to, |_| true)
    }

    /// The same with these tables alone, which refer to no other.
    pub(crate) fn copy_tables_into(&self, to: &Db, tables: &[&str]) -> Result<(), Error> {
        self.copy(to, |name| tables.contains(&name))
    }

    fn copy(&self, to: &Db, is_wanted: impl Fn(&str) -> bool) -> Result<(), Error> {
        self.read(|from| {
            let from = RefCell::new(from);
            to.write(|to| copy(&mut from.borrow_mut(), to, &is_wanted))
        })
    }
}

fn utf8(path: &Path) -> Result<&str, Error> {
    path.to_str()
        .ok_or_else(|| Error::Unfit(format!("{} is no name that a database can have", path.display())))
}

#[derive(Debug)]
struct Table {
    name: String,
    columns: Vec<(String, Kind)>,
}

fn copy(from: &mut Tx<'_>, to: &mut Tx<'_>, is_wanted: &impl Fn(&str) -> bool) -> Result<(), Error> {
    let tables = if from.dialect() == Dialect::Sqlite { tables(from)? } else { tables(to)? };
    let constraints = without_constraints(to)?;
    for table in tables.iter().filter(|table| is_wanted(&table.name)) {
        to.batch(&format!("DELETE FROM {}", table.name))?;
        rows(from, to, table)?;
        numbers(from, to, table)?;
    }
    // Checked over all rows.
    constraints.iter().try_for_each(|constraint| to.batch(constraint))
}

/// As SQLite knows them: it is always one of the two.
fn tables(tx: &mut Tx<'_>) -> Result<Vec<Table>, Error> {
    let names: Vec<(String,)> =
        tx.all("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name", &[])?;
    let is_copied = |name: &str| {
        !name.starts_with("sqlite_")
            && !NOT_COPIED.iter().any(|not| {
                name.strip_prefix(not).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
            })
    };
    let names = names.into_iter().map(|(name,)| name).filter(|name| is_copied(name));
    names.map(|name| Ok(Table { columns: columns(tx, &name)?, name })).collect()
}

fn columns(tx: &mut Tx<'_>, table: &str) -> Result<Vec<(String, Kind)>, Error> {
    let columns: Vec<(String, String)> =
        tx.all("SELECT name, type FROM pragma_table_info($1) ORDER BY cid", params![table])?;
    let kind = |name: &str| match name {
        "INTEGER" => Ok(Kind::Int),
        "REAL" => Ok(Kind::Real),
        "TEXT" => Ok(Kind::Text),
        "BLOB" => Ok(Kind::Bytes),
        other => Err(Error::Decode(format!("a column of {table} is {other}, which no database of ours has"))),
    };
    columns.into_iter().map(|(name, of)| Ok((name, kind(&of)?))).collect()
}

/// Rows come in no order that their references like: SQLite looks at these at the commit, PostgreSQL has none until the
/// statements that come back are run.
fn without_constraints(to: &mut Tx<'_>) -> Result<Vec<String>, Error> {
    if to.dialect() == Dialect::Sqlite {
        to.batch("PRAGMA defer_foreign_keys = ON")?;
        return Ok(Vec::new());
    }
    let constraints: Vec<(String, String, String)> = to.all(
        "SELECT CAST(CAST(conrelid AS REGCLASS) AS TEXT), CAST(conname AS TEXT), pg_get_constraintdef(oid)
         FROM pg_constraint WHERE contype = 'f' AND connamespace = CAST(current_schema() AS REGNAMESPACE)",
        &[],
    )?;
    let add = |(table, name, definition): (String, String, String)| {
        to.batch(&format!("ALTER TABLE {table} DROP CONSTRAINT {name}"))?;
        Ok(format!("ALTER TABLE {table} ADD CONSTRAINT {name} {definition}"))
    };
    constraints.into_iter().map(add).collect()
}

fn rows(from: &mut Tx<'_>, to: &mut Tx<'_>, table: &Table) -> Result<(), Error> {
    let names: Vec<&str> = table.columns.iter().map(|(name, _)| name.as_str()).collect();
    let mut reader = Reader::open(from, &table.name, &names.join(", "))?;
    loop {
        let found = reader.next(from)?;
        if found.is_empty() {
            return reader.close(from);
        }
        let mut sql = format!("INSERT INTO {} ({}) VALUES ", table.name, names.join(", "));
        let mut values = Vec::with_capacity(found.len() * names.len());
        for (i, Cells(cells)) in found.into_iter().enumerate() {
            sql.push_str(if i == 0 { "(" } else { ", (" });
            for (j, (cell, (_, kind))) in cells.into_iter().zip(&table.columns).enumerate() {
                values.push(cell.unwrap_or(Value::Null(*kind)));
                let _ = write!(sql, "{}${}", if j == 0 { "" } else { ", " }, values.len());
            }
            sql.push(')');
        }
        to.execute(super::Sql::new(&sql), &values)?;
    }
}

/// The cells of a row, NULL as `None`.
struct Cells(Vec<Option<Value<'static>>>);
impl FromRow for Cells {
    fn from_row(row: &Row<'_>) -> Result<Self, Error> {
        let owned = |cell: Cell<'_>| match cell {
            Cell::Null => None,
            Cell::Int(v) => Some(Value::Int(v)),
            Cell::Real(v) => Some(Value::Real(v)),
            Cell::Text(v) => Some(Value::Text(Cow::Owned(v.to_owned()))),
            Cell::Bytes(v) => Some(Value::Bytes(Cow::Owned(v.to_owned()))),
        };
        Ok(Cells((0..row.width()).map(|i| row.cell(i).map(owned)).collect::<Result<_, _>>()?))
    }
}

/// A table from its beginning to its end, a handful of rows at a time.
enum Reader {
    /// After this rowid.
    Lite { sql: String, after: i64 },
    /// Each has a cursor of its own name: a statement that was prepared keeps its columns.
    Pg { cursor: String },
}
impl Reader {
    fn open(tx: &mut Tx<'_>, table: &str, columns: &str) -> Result<Reader, Error> {
        if tx.dialect() == Dialect::Postgres {
            let cursor = format!("rows_of_{table}");
            tx.batch(&format!("DECLARE {cursor} NO SCROLL CURSOR FOR SELECT {columns} FROM {table}"))?;
            return Ok(Reader::Pg { cursor });
        }
        let sql =
            format!("SELECT {columns}, rowid FROM {table} WHERE rowid > $1 ORDER BY rowid LIMIT {ROWS}");
        Ok(Reader::Lite { sql, after: i64::MIN })
    }
    fn next(&mut self, tx: &mut Tx<'_>) -> Result<Vec<Cells>, Error> {
        match self {
            Reader::Pg { cursor } => tx.all(super::Sql::new(&format!("FETCH {ROWS} FROM {cursor}")), &[]),
            Reader::Lite { sql, after } => {
                let mut found: Vec<Cells> = tx.all(super::Sql::new(sql), params![*after])?;
                for Cells(cells) in &mut found {
                    if let Some(Some(Value::Int(rowid))) = cells.pop() {
                        *after = rowid;
                    }
                }
                Ok(found)
            }
        }
    }
    fn close(self, tx: &mut Tx<'_>) -> Result<(), Error> {
        match self {
            Reader::Pg { cursor } => tx.batch(&format!("CLOSE {cursor}")),
            Reader::Lite { .. } => Ok(()),
        }
    }
}

/// The next id of a table is as high as it was: no number is given twice, not even one whose row is gone.
fn numbers(from: &mut Tx<'_>, to: &mut Tx<'_>, table: &Table) -> Result<(), Error> {
    if !table.columns.iter().any(|(name, _)| name == "id") {
        return Ok(());
    }
    let name = table.name.as_str();
    let last: Option<(i64,)> = match from.dialect() {
        Dialect::Sqlite => from.maybe("SELECT seq FROM sqlite_sequence WHERE name = $1", params![name])?,
        Dialect::Postgres => from.maybe(
            "SELECT last_value FROM pg_sequences
             WHERE CAST(format('%I.%I', schemaname, sequencename) AS REGCLASS) = CAST(pg_get_serial_sequence($1, 'id') AS REGCLASS)
                 AND last_value IS NOT NULL",
            params![name],
        )?,
    };
    let Some((last,)) = last else { return Ok(()) };
    match to.dialect() {
        Dialect::Sqlite => {
            to.execute("DELETE FROM sqlite_sequence WHERE name = $1", params![name])?;
            to.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ($1, $2)", params![name, last])?;
        }
        Dialect::Postgres => {
            let _: Vec<(i64,)> =
                to.all("SELECT setval(pg_get_serial_sequence($1, 'id'), $2)", params![name, last])?;
        }
    }
    Ok(())
}
