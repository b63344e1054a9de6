"""Checkpoints that exist whole or not at all, and can be proved.

A run's side of it::

    tracked = Tracked(); tracked.add("model", model); tracked.add("optimizer", optimizer)
    store = CheckpointStore(paths, attempt=1, rank=rank, world_size=world, monitor="val/loss", mode="min")
    notes = store.prepare(tracked)                        # before the first step: clean up, space, writable?
    place = Place(epoch); ...                             # resume.py: where training is in its data
    saved = store.save(tracked, step=120, position=place.position(...), metrics={...}, claim_best=True)

``save`` raises CheckpointFailed when nothing new exists (the previous checkpoint then stands): a note for
the log, never the end of a training. ``load.choose_resume`` and ``load.load_checkpoint`` read them again,
``prove`` examines them from another process.
"""
