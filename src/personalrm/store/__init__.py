"""Database of people, choices and profiles: SQLite in a file, or PostgreSQL. All SQL is in this package.

| module | contents |
|---|---|
| `schema`, `migrations/`, `migrating` | the tables, and upgrading a database to this version |
| `database` | connections, transactions, errors; the only module that distinguishes SQLite from PostgreSQL |
| `scope` | statements that are always restricted to one space |
| `store` | `Store` and `SpaceStore`: the interface |
| `incoming`, `identities`, `once`, `records` | storing feedback, each item once |
| `history`, `exporting` | reading choices |
| `profiles`, `bodies`, `predictions`, `corrections` | profile versions, their predictions, and corrections of claims |
| `jobs`, `spending` | pending learning jobs, and the budget |
| `keys`, `audit`, `erasures` | permissions, the audit log, erasing a person |
| `backup` | backups of the database |
| `testing` | an in-memory store |
"""
