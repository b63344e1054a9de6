"""Drawing of curves with characters: numpy only, no terminal and no Textual in here. Pure."""
