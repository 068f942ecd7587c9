/* What Streamlit (1.67) leaves to the page. Run once a tab, in each page's frame (app.py). */
(() => {
  const main = () => document.querySelector("[data-testid=stMain]");
  const set = (where, name, value) => document.querySelectorAll(where).forEach((node) => node.setAttribute(name, value));

  /* Every tab asks whether the session still stands, and leaves for the sign-in page when it does not. */
  const watch = async () => {
    try {
      const answer = await fetch("/v1/me", {credentials: "same-origin", headers: {"X-Watch": "1"}});
      if (answer.status === 401) location.replace("/login");
    } catch (error) { /* offline: asked again */ }
  };
  setInterval(watch, 4000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) watch(); });

  /* The menu's markup is a list whose items are no list's children: screen readers are told that it is none. Nor are they
     shown the lines below figures, which have no words. */
  const mend = () => {
    set("[data-testid=stSidebarNavItems], [data-testid=stSidebarNavItems] li", "role", "none");
    set("[data-testid=stMetricChart]", "aria-hidden", "true");
    document.querySelectorAll(".st-key-map_chart .js-plotly-plot").forEach(clicks);
  };

  /* A click selects a point on the map while the tool is the lasso, too: Streamlit listens to clicks when it moves only. */
  const clicks = (plot) => {
    if (plot.tgstudioClicks || !plot.on) return;
    plot.tgstudioClicks = true;
    plot.on("plotly_click", (event) => {
      if (["lasso", "select"].includes(plot._fullLayout.dragmode)) {
        const {curveNumber, pointNumber, x, y, customdata} = event.points[0];
        plot.emit("plotly_selected", {
          points: [{curveNumber, pointNumber, pointIndex: pointNumber, x, y, customdata}], selections: [],
        });
      }
    });
  };

  /* A draft's preview and counter follow what is typed: the field is handed in as by Ctrl+Enter, once a pause is made. */
  let typed;
  document.addEventListener("input", (event) => {
    const field = event.target;
    if (!field.matches?.("[class*=st-key-draft_] textarea")) return;
    clearTimeout(typed);
    typed = setTimeout(() => field.dispatchEvent(
      new KeyboardEvent("keydown", {key: "Enter", code: "Enter", ctrlKey: true, bubbles: true, cancelable: true})), 400);
  }, true);

  /* Back and a reload lead to where one was on the page: noted as one leaves, taken up when the page is as long again. */
  const place = () => `tgstudioPlace:${location.pathname}${location.search}`;
  const note = () => { if (main()) sessionStorage.setItem(place(), String(main().scrollTop)); };
  ["click", "keydown"].forEach((name) => document.addEventListener(name, note, true));
  window.addEventListener("pagehide", note);
  let returning;
  const stay = () => { clearInterval(returning); returning = undefined; };
  const back = () => {
    stay();
    const wished = Number(sessionStorage.getItem(place()) || 0);
    const until = Date.now() + 10000;
    let still = 0;
    returning = setInterval(() => {
      const ended = document.querySelector("[data-testid=stApp][data-test-script-state=notRunning]")
        && !document.querySelector("[data-stale=true]");
      still = ended ? still + 1 : 0;
      const long = main() && main().scrollHeight - main().clientHeight >= wished;
      if ((ended && long && still > 1) || still > 30 || Date.now() > until) {
        main()?.scrollTo(0, wished);
        stay();
      }
    }, 100);
  };
  ["wheel", "touchmove"].forEach((name) => document.addEventListener(name, stay, {capture: true, passive: true}));
  window.addEventListener("popstate", back);
  if (["reload", "back_forward"].includes(performance.getEntriesByType("navigation")[0]?.type)) back();
  window.tgstudioTop = () => { stay(); main()?.scrollTo(0, 0); };

  /* On a phone the drawer closes when a page or a language was chosen in it. */
  document.addEventListener("click", (event) => {
    const chosen = event.target.closest?.("[data-testid=stSidebarNavLink], .st-key-language_switch button");
    if (chosen && matchMedia("(max-width: 768px)").matches) {
      setTimeout(() => document.querySelector("[data-testid=stSidebarCollapseButton] button")?.click(), 50);
    }
  });

  mend();
  new MutationObserver(mend).observe(document.body, {childList: true, subtree: true});
})();
