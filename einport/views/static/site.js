(function () {
  "use strict";

  /* What the reader chose, for the next page; without storage it holds for this one. */
  function kept(key) {
    try { return window.localStorage.getItem("einport-" + key); } catch (error) { return null; }
  }
  function keep(key, value) {
    try { window.localStorage.setItem("einport-" + key, value); } catch (error) { return; }
  }

  function made(tag, attributes, text) {
    var element = document.createElement(tag);
    Object.keys(attributes).forEach(function (name) {
      element.setAttribute(name, attributes[name]);
    });
    if (text) element.textContent = text;
    return element;
  }

  /* --- Tabs: panels that stand one below the other become tabs, or stand side by side. --- */

  var groups = [];

  function Tabs(root, number) {
    var self = this;
    this.root = root;
    this.panels = Array.from(root.querySelectorAll(":scope > .panel"));
    this.list = made("div", { role: "tablist", "aria-label": root.dataset.tabs });
    this.tabs = this.panels.map(function (panel, i) {
      var id = "tabs-" + number + "-" + panel.dataset.tab;
      panel.id = panel.id || id + "-panel";
      var tab = made("button", { type: "button", role: "tab", id: id, "aria-controls": panel.id },
        panel.querySelector("h3").textContent);
      tab.addEventListener("click", function () { choose(panel.dataset.tab, self); });
      tab.addEventListener("keydown", function (event) { self.key(event, i); });
      self.list.append(tab);
      return tab;
    });
    this.beside = made("button", { type: "button", "aria-pressed": "false", "class": "beside" },
      "Side by side");
    this.beside.addEventListener("click", function () {
      spread(self.beside.getAttribute("aria-pressed") !== "true", self);
    });
    var bar = made("div", { "class": "tabbar" });
    bar.append(this.list, this.beside);
    root.prepend(bar);
    root.classList.add("ready");
  }

  Tabs.prototype.has = function (name) {
    return this.panels.some(function (panel) { return panel.dataset.tab === name; });
  };

  Tabs.prototype.show = function (name, all) {
    var self = this;
    if (name && this.has(name)) this.name = name;
    this.name = this.name || this.panels[0].dataset.tab;
    this.root.classList.toggle("all", all);
    this.list.hidden = all;
    this.beside.setAttribute("aria-pressed", String(all));
    this.panels.forEach(function (panel, i) {
      var chosen = panel.dataset.tab === self.name;
      panel.hidden = !all && !chosen;
      if (all) {
        panel.removeAttribute("role");
        panel.removeAttribute("aria-labelledby");
      } else {
        panel.setAttribute("role", "tabpanel");
        panel.setAttribute("aria-labelledby", self.tabs[i].id);
      }
      self.tabs[i].setAttribute("aria-selected", String(chosen));
      self.tabs[i].tabIndex = chosen ? 0 : -1;
    });
  };

  Tabs.prototype.key = function (event, i) {
    var last = this.tabs.length - 1;
    var to = { ArrowRight: i === last ? 0 : i + 1, ArrowLeft: i === 0 ? last : i - 1,
      Home: 0, End: last }[event.key];
    if (to === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    choose(this.panels[to].dataset.tab, this);
    this.tabs[to].focus();
  };

  /* All groups follow; what was clicked stays where it is on the screen. */
  function steady(group, change) {
    var before = group.root.getBoundingClientRect().top;
    change();
    window.scrollBy({ top: group.root.getBoundingClientRect().top - before, behavior: "instant" });
    scrollers();
  }

  function choose(name, group) {
    steady(group, function () {
      groups.forEach(function (one) { one.show(name, false); });
    });
    keep("framework", name);
  }

  function spread(all, group) {
    steady(group, function () {
      groups.forEach(function (one) { one.show(null, all); });
    });
    keep("beside", all ? "yes" : "no");
  }

  function startTabs() {
    document.querySelectorAll(".tabs").forEach(function (root, i) {
      groups.push(new Tabs(root, i));
    });
    var all = kept("beside") === "yes";
    groups.forEach(function (one) { one.show(kept("framework"), all); });
  }

  /* --- What scrolls in itself can be reached by keyboard; what does not is no stop. --- */

  function scrollers() {
    document.querySelectorAll("pre.code, .scroll").forEach(function (box) {
      var over = box.scrollWidth > box.clientWidth + 1 || box.scrollHeight > box.clientHeight + 1;
      if (over) box.tabIndex = 0; else box.removeAttribute("tabindex");
    });
  }

  /* --- Lists with a search --- */

  function asked(form, name) {
    var field = form.querySelector("#" + name);
    return field ? field.value : "";
  }

  function terms(text) {
    return text.toLowerCase().split(/[\s,]+/).filter(Boolean);
  }

  function hasAll(text, wanted) {
    return wanted.every(function (term) { return text.includes(term); });
  }

  function startForm(form, apply) {
    form.hidden = false;
    form.addEventListener("submit", function (event) { event.preventDefault(); });
    form.addEventListener("input", apply);
    form.addEventListener("change", apply);
    apply();
  }

  function startList(form) {
    var items = Array.from(document.querySelectorAll("[data-item]"));
    startForm(form, function () {
      var wanted = terms(asked(form, "find"));
      var topic = asked(form, "topic"), framework = asked(form, "framework"), count = 0;
      items.forEach(function (item) {
        var fits = hasAll(item.dataset.text, wanted) &&
          (!topic || item.dataset.topic === topic) &&
          (!framework || item.dataset.framework.split(" ").includes(framework));
        item.hidden = !fits;
        count += fits ? 1 : 0;
      });
      document.querySelectorAll("[data-group]").forEach(function (group) {
        group.hidden = !group.querySelector("[data-item]:not([hidden])");
      });
      form.querySelector(".count").textContent = count + " of " + items.length;
      document.querySelector(".empty").hidden = count > 0;
    });
  }

  /* --- The matrix --- */

  /* `ab=0.48u3 c=e` as [{letters, error, text, status, reasons}] */
  function parse(packed) {
    return packed.split(" ").filter(Boolean).map(function (part) {
      var found = /^([A-Za-z]+)=([^Fu]*)(?:([Fu])([\d,]+))?$/.exec(part);
      var text = found[2];
      return { letters: found[1], text: text === "e" ? "exact" : text, status: found[3] || "",
        error: text === "" ? -1 : text === "e" ? 0 : text[0] === "<" ? 0.001 : Number(text),
        reasons: found[4] ? found[4].split(",") : [] };
    });
  }

  function summed(parts, letter) {
    var mine = parts.filter(function (part) { return !letter || part.letters.includes(letter); });
    var failed = mine.some(function (part) { return part.status === "F"; });
    var status = failed ? "F" : "u", reasons = [], worst = null;
    mine.forEach(function (part) {
      if (part.error >= 0 && (!worst || part.error > worst.error)) worst = part;
      if (part.status === status) reasons = reasons.concat(part.reasons);
    });
    reasons = Array.from(new Set(reasons)).sort(function (a, b) { return a - b; });
    var text = !mine.length ? "–" : failed ? "FAIL" : worst ? worst.text : "none";
    return { text: text, reasons: reasons, there: mine.length > 0, failed: failed,
      part: !failed && reasons.length > 0,
      style: !mine.length ? "z" : failed ? "f" : !worst ? "u" : worst.error === 0 ? "e" : "" };
  }

  function fill(cell, sum) {
    cell.className = sum.style;
    cell.textContent = sum.text;
    sum.reasons.forEach(function (reason) {
      cell.append(" ", made("a", { href: "#r" + reason }, "*" + reason));
    });
  }

  function fitsStatus(sums, status) {
    if (!status) return true;
    if (status === "pass") {
      return sums.some(function (sum) { return sum.there; }) && sums.every(function (sum) {
        return !sum.failed && !sum.part && sum.style !== "u";
      });
    }
    return sums.some(function (sum) { return status === "fail" ? sum.failed : sum.part; });
  }

  function startMatrix(form) {
    var table = document.querySelector("table.matrix");
    var heads = Array.from(table.tHead.rows[0].cells);
    var bodies = Array.from(table.tBodies).map(function (body) {
      var rows = Array.from(body.rows).map(function (row) {
        var cells = Array.from(row.cells).slice(1);
        return { row: row, cells: cells, mode: row.dataset.m || "",
          parts: cells.map(function (cell) { return parse(cell.dataset.d || ""); }) };
      });
      return { body: body, whole: rows[0], lines: rows.slice(1) };
    });

    function update() {
      var wanted = terms(asked(form, "find")), column = asked(form, "framework");
      var mode = asked(form, "mode"), dtype = asked(form, "dtype");
      var status = asked(form, "status"), apart = form.querySelector("#apart"), count = 0;
      var each = Boolean(apart && apart.checked) && !mode;
      if (apart) apart.disabled = Boolean(mode);
      var shown = heads.map(function (_, i) {
        return i === 0 || column === "" || Number(column) === i - 1;
      });
      heads.forEach(function (head, i) { head.hidden = !shown[i]; });

      function sums(rows) {
        return rows[0].cells.map(function (_, i) {
          var all = [].concat.apply([], rows.map(function (row) { return row.parts[i]; }));
          return summed(all, dtype);
        });
      }
      function put(one, found) {
        found.forEach(function (sum, i) {
          fill(one.cells[i], sum);
          one.cells[i].hidden = !shown[i + 1];
        });
      }
      function seen(found) {
        return found.filter(function (_, i) { return shown[i + 1]; });
      }
      bodies.forEach(function (one) {
        var lines = one.lines.filter(function (line) { return !mode || line.mode === mode; });
        var fits = hasAll(one.body.dataset.text, wanted);
        var whole = fits && (lines.length || !one.lines.length) ?
          sums(lines.length ? lines : [one.whole]) : null;
        fits = Boolean(whole) && fitsStatus(seen(whole), status) &&
          seen(whole).some(function (sum) { return sum.there; });
        one.body.hidden = !fits;
        if (!fits) return;
        count += 1;
        put(one.whole, whole);
        one.lines.forEach(function (line) {
          var own = each ? sums([line]) : null;
          line.row.hidden = !each || !fitsStatus(seen(own), status) ||
            !seen(own).some(function (sum) { return sum.there; });
          if (!line.row.hidden) put(line, own);
        });
      });
      form.querySelector(".count").textContent = count + " of " + bodies.length + " operations";
      document.querySelector(".empty").hidden = count > 0;
      scrollers();
    }

    startForm(form, update);
  }

  startTabs();
  document.querySelectorAll("form.filters").forEach(function (form) {
    if (form.dataset.filter === "matrix") startMatrix(form); else startList(form);
  });
  scrollers();
  window.addEventListener("resize", scrollers);
  /* Tabs made the page shorter: go to where the address points once more. */
  if (window.location.hash) {
    var target = document.getElementById(decodeURIComponent(window.location.hash.slice(1)));
    if (target) target.scrollIntoView();
  }
})();
