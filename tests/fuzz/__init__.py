"""What is read from others, made up at random: a value, or one line that says what is wrong."""
