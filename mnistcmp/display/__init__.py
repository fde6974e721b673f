"""What people see while work goes on: in a terminal, a notebook, a file."""
