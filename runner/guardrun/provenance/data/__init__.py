"""What data a run was trained on, and what is wrong with it. Pure: nothing here knows of runs or events.

NumPy is loaded when data is looked at; pandas, polars, Hugging Face datasets and torch only if they are
loaded already, so that the object at hand can be one of theirs.
"""
