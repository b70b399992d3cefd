"""What is set up, and what is not: at /setup/, and in a terminal by `manage.py doctor`."""
