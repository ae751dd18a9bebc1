"""What is obtained from elsewhere and carried along: today B2CT itself, for the control node."""
