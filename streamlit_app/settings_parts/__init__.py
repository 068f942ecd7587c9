"""The parts of the page Settings, one module each: `show(mine)` draws it and saves what is changed there."""
