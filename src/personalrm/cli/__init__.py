"""The command line: ``personalrm COMMAND``; `app` is its front, `commands/` holds the longer commands."""
