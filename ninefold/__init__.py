"""The `ninefold` command: one file per subcommand, each imports its work lazily."""
