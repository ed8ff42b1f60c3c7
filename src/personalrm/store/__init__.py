"""People, their choices and their profiles in a database: SQLite in a file, or PostgreSQL. All SQL is in this room.

| module | what it does |
|---|---|
| `schema`, `migrations/`, `migrating` | the tables, and bringing a database to this version |
| `database` | connections, transactions, errors; the only place that knows SQLite from PostgreSQL |
| `scope` | statements that cannot forget the space |
| `store` | `Store` and `SpaceStore`: the front |
| `incoming`, `identities`, `once`, `records` | feedback in, once |
| `history`, `exporting` | choices out |
| `profiles`, `bodies`, `predictions`, `corrections` | what is believed of a person, and how well it predicts |
| `jobs`, `spending` | work that waits, and what it may cost |
| `keys`, `audit`, `erasures` | who may do what, what was done, what is gone |
| `backup` | copies of the whole |
| `testing` | a store in memory |
"""
