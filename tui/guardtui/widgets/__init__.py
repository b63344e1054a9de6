"""Widgets that draw what the view model made, line by changed line."""
