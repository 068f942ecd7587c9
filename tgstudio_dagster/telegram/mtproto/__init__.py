"""The one adapter to Telegram: nothing outside this package imports telethon.

client.py owns connection, timeouts, repeats, paces, flood waits and the meaning of errors; its neighbours each say one kind of
thing through it: peers.py (who), messages.py (what was posted), files.py, login.py, updates.py, sending.py.
raw_client.py makes telethon's own client of the settings.
"""
