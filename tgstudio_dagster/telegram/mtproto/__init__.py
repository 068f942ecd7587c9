"""The one adapter to Telegram: nothing outside this package imports telethon.

client.py owns connection, timeouts, repeats, paces and flood waits, meaning.py what an error means; their neighbours each
say one kind of thing: peers.py (who), messages.py (what was posted), files.py, login.py, updates.py, sending.py.
raw_client.py makes telethon's own client of the settings.
"""
