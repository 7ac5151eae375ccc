/** Links to subtitles of a channel that asks for a token, which a plain link cannot carry. */

/** With a token, a click fetches the file with it and saves it; without one the links are links. */
export function carryToken(links, token, tell) {
  if (!token) return;
  for (const link of links) {
    link.addEventListener("click", async (event) => {
      event.preventDefault();
      const found = await fetch(link.href, { headers: { Authorization: `Bearer ${token}` } });
      if (found.ok) save(await found.blob(), link.pathname.split("/").slice(-2).join("-"));
      else tell(`the captions were refused with status ${found.status}`);
    });
  }
}

function save(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
