"""Where the larder is filled up again."""
