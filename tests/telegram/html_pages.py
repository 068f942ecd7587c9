"""Pages as Telegram Desktop's HTML export writes them (export_output_html.cpp): blocks, indented, each tag on its line."""

from __future__ import annotations

from html import escape
from pathlib import Path

PHOTO = """
       <div class="media_wrap clearfix">

        <a class="photo_wrap clearfix pull_left" href="photos/photo_1@09-03-2026_12-00-00.jpg">

         <img class="photo" src="photos/photo_1@09-03-2026_12-00-00_thumb.jpg" style="width: 260px; height: 194px"/>

        </a>

       </div>
"""
POLL = """
       <div class="media_wrap clearfix">

        <div class="media_poll">

         <div class="question bold">
Tea or coffee?
         </div>

         <div class="details">
Anonymous poll
         </div>

         <div class="answer">
- Tea &amp; milk <span class="details">3 votes</span>
         </div>

         <div class="answer">
- Coffee
         </div>

         <div class="total details	">
3 votes
         </div>

        </div>

       </div>
"""
REACTIONS = """
       <span class="reactions">

        <span class="reaction">

         <span class="emoji">
👍
         </span>

         <span class="count">
12
         </span>

        </span>

        <span class="reaction active paid">

         <span class="emoji">
⭐
         </span>

         <span class="count">
40
         </span>

        </span>

        <span class="reaction">

         <span class="emoji">
🔥
         </span>

         <span class="userpics">

          <div class="userpic userpic3" style="width: 20px; height: 20px">

           <div class="initials" style="line-height: 20px" title="Olga, 09.03.2026 12:01:02">
O
           </div>

          </div>

          <div class="userpic userpic5" style="width: 20px; height: 20px">

           <div class="initials" style="line-height: 20px" title="Ivan, 09.03.2026 12:01:02">
I
           </div>

          </div>

         </span>

        </span>

       </span>
"""


def generic(kind: str, *, title: str = "", description: str = "", status: str = "", href: str | None = None) -> str:
    """A medium that is shown by its lines: file, voice message, place, invoice."""
    tag = f'<a class="media clearfix pull_left block_link {kind}" href="{href}">' if href else ""
    lines = "".join(
        f'\n         <div class="{name}">\n{escape(text)}\n         </div>\n'
        for name, text in (("title bold", title), ("description", description), ("status details", status))
        if text
    )
    return f"""
       <div class="media_wrap clearfix">

        {tag or f'<div class="media clearfix pull_left {kind}">'}

         <div class="fill pull_left">

         </div>

         <div class="body">
{lines}
         </div>

        {"</a>" if href else "</div>"}

       </div>
"""


def wrapped(kind: str, href: str, inside: str = "") -> str:
    """A medium that is shown as a picture: video, animation, sticker."""
    return f"""
       <div class="media_wrap clearfix">

        <a class="{kind} clearfix pull_left" href="{href}">
{inside}
         <img class="{kind.removesuffix("_wrap")}" src="{href}_thumb.jpg" style="width: 260px; height: 260px"/>

        </a>

       </div>
"""


def entry(
    n: int,
    text: str | None = None,
    *,
    sender: str | None = "World",
    at: str | None = None,
    reply: str = "",
    media: str = "",
    forwarded: str | None = None,
    signature: str = "",
    reactions: str = "",
) -> str:
    """A message: id n, n minutes after noon. `sender` None joins it to the one before; `text` is markup."""
    moment = at or f"09.03.2026 {14 + n // 60:02}:{n % 60:02}:00 UTC+02:00"
    name = "" if sender is None else f'\n       <div class="from_name">\n{escape(sender)} \n       </div>\n'
    words = f'\n       <div class="text">\n{text}\n       </div>\n' if text is not None else ""
    answered = f'\n       <div class="reply_to details">\n{reply}\n       </div>\n' if reply else ""
    signed = f'\n       <div class="signature details">\n{escape(signature)}\n       </div>\n' if signature else ""
    content = answered + media + words + signed
    if forwarded is not None:
        origin = (
            f'\n        <div class="from_name">\n{escape(forwarded)} <span class="date details" '
            'title="01.03.2026 09:00:00 UTC+02:00"> 01.03.2026 09:00:00</span>\n        </div>\n'
        )
        content = f'\n       <div class="forwarded body">\n{origin if forwarded else ""}{content}\n       </div>\n'
    return f"""
     <div class="message default clearfix{" joined" if sender is None else ""}" id="message{n}">

      <div class="body">

       <div class="pull_right date details" title="{moment}">
{moment[11:16]}
       </div>
{name}{content}{reactions}
      </div>

     </div>
"""


def service(n: int, text: str) -> str:
    """A service message; one with a negative n is a divider between days."""
    return f"""
     <div class="message service" id="message{n}">

      <div class="body details">
{text}
      </div>

     </div>
"""


def page(*blocks: str, title: str | None = "World") -> str:
    """A page of a chat of this title."""
    header = f"""
   <div class="page_header">

    <div class="content">

     <div class="text bold">
{escape(title or "")}
     </div>

    </div>

   </div>
"""
    return f"""<!DOCTYPE html>
<html>

 <head>

  <meta charset="utf-8"/>
<title>Exported Data</title>
  <meta content="width=device-width, initial-scale=1.0" name="viewport"/>

  <link href="css/style.css" rel="stylesheet"/>

  <script src="js/script.js" type="text/javascript">

  </script>

 </head>

 <body onload="CheckLocation();">

  <div class="page_wrap">
{header if title is not None else ""}
   <div class="page_body chat_page">

    <div class="history">
{"".join(blocks)}
    </div>

   </div>

  </div>

 </body>

</html>
"""


def write_page(folder: Path, *blocks: str, name: str = "messages.html", title: str | None = "World") -> Path:
    """The page as a file of the folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(page(*blocks, title=title), encoding="utf-8")
    return path
