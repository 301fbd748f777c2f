/* Drawing by D3: scatter plots and stacked bars that a keyboard can walk, with tables behind them. */
var Charts = (function () {
    "use strict";
    var tip = document.getElementById("tip");

    function make(name, parent, text, attributes) {
        var element = document.createElement(name);
        if (text !== undefined && text !== null) element.textContent = text;
        Object.keys(attributes || {}).forEach(function (key) { element.setAttribute(key, attributes[key]); });
        if (parent) parent.appendChild(element);
        return element;
    }

    function colour(index) { return "var(--c" + index % 9 + ")"; }

    /* A figure as people read it: three digits, small ones with their leading digits. */
    function number(value) {
        if (value === null || value === undefined || isNaN(value)) return "";
        var size = Math.abs(value);
        if (size < 1e5 && value === Math.round(value)) return String(value);
        if (size >= 1e10 || (size < 1e-3 && size > 0)) return value.toExponential(2);
        return size >= 1e5 ? value.toFixed(0).replace(/\B(?=(\d{3})+$)/g, "\u202f") : size >= 100 ? value.toFixed(0) : size >= 10 ? value.toFixed(1) : size >= 1 ? value.toFixed(2) : String(+value.toPrecision(3));
    }

    function showTip(target, text) {
        var box = target.getBoundingClientRect();
        tip.textContent = text;
        tip.hidden = false;
        var left = Math.min(Math.max(4, box.left + box.width / 2 - tip.offsetWidth / 2), window.innerWidth - tip.offsetWidth - 4);
        var above = box.top - tip.offsetHeight - 8;
        tip.style.left = Math.max(4, left) + "px";
        tip.style.top = (above < 4 ? box.bottom + 8 : above) + "px";
    }

    function hideTip() { tip.hidden = true; }

    /* One stop of the tab key a chart; arrows, Home and End walk its marks. */
    function walk(marks, describe) {
        var nodes = marks[0].filter(Boolean);
        nodes.forEach(function (node, i) {
            var text = describe(node.__data__);
            node.setAttribute("tabindex", i ? "-1" : "0");
            node.setAttribute("role", "img");
            node.setAttribute("aria-label", text.replace(/\n/g, ", "));
            node.addEventListener("mouseenter", function () { showTip(node, text); });
            node.addEventListener("mouseleave", hideTip);
            node.addEventListener("focus", function () { showTip(node, text); });
            node.addEventListener("blur", hideTip);
            node.addEventListener("click", function () { node.focus(); });
            node.addEventListener("keydown", function (event) {
                var step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
                var to = event.key === "Home" ? 0 : event.key === "End" ? nodes.length - 1 : step ? i + step : -1;
                if (event.key === "Escape") hideTip();
                if (!nodes[to]) return;
                event.preventDefault();
                node.setAttribute("tabindex", "-1");
                nodes[to].setAttribute("tabindex", "0");
                nodes[to].focus();
            });
        });
    }

    function frame(figure, height, label) {
        figure.textContent = "";
        var width = Math.max(300, Math.round(figure.clientWidth) || 640);
        var svg = d3.select(figure).append("svg").attr("viewBox", "0 0 " + width + " " + height)
            .attr("role", "group").attr("aria-label", label);
        return { svg: svg, width: width, height: height };
    }

    function legend(figure, names) {
        var list = make("ul", figure, null, { "class": "legend" });
        names.forEach(function (name, i) {
            var item = make("li", list);
            make("i", item, null, { style: "background:" + colour(i) });
            item.appendChild(document.createTextNode(name));
        });
    }

    /* columns: {name, of(row) or key, text: true for words, gap, cell(td, row)} */
    function table(parent, columns, rows, caption) {
        var element = make("table", parent), head = make("tr", make("thead", element)), body = make("tbody", element);
        if (caption) make("caption", element, caption);
        columns.forEach(function (c) {
            c.head = make("th", head, c.name, { scope: "col", "class": (c.text ? "text" : "") + (c.gap ? " gap" : "") });
        });
        rows.forEach(function (row) {
            var line = make("tr", body);
            columns.forEach(function (c, i) {
                var value = c.of ? c.of(row) : row[c.key];
                var shown = c.text ? value : number(value);
                var cell = i === 0 ? make("th", line, shown, { scope: "row" })
                    : make("td", line, shown, { "class": (c.text ? "text" : "") + (c.gap ? " gap" : "") });
                if (c.cell) c.cell(cell, row, value);
            });
        });
        return element;
    }

    function tableBehind(figure, columns, rows) {
        var details = make("details", figure), most = 200;
        make("summary", details, "Figures as a table" + (rows.length > most ? " (the first " + most + " of " + rows.length + ")" : ""));
        table(make("div", details, null, { "class": "scroll", tabindex: "0", role: "region", "aria-label": "Figures as a table" }),
            columns, rows.slice(0, most));
    }

    function axes(plot, box, x, y, options) {
        var ticks = box.width < 480 ? 4 : 7;
        function format(log) {
            return log ? function (d) {
                var lead = d / Math.pow(10, Math.floor(Math.log(d) / Math.LN10 + 1e-9));
                return [1, 2, 5].some(function (l) { return Math.abs(lead - l) < 1e-6 && (l === 1 || options.dense); }) ? String(+d.toPrecision(3)) : "";
            } : undefined;
        }
        var across = d3.svg.axis().scale(x).orient("bottom").ticks(ticks).tickSize(-box.inner.height).tickPadding(8);
        var up = d3.svg.axis().scale(y).orient("left").ticks(6).tickSize(-box.inner.width).tickPadding(8);
        if (options.logX) across.tickFormat(format(true));
        if (options.logY) up.tickFormat(format(true));
        plot.append("g").attr("class", "axis").attr("transform", "translate(0," + box.inner.height + ")").call(across);
        plot.append("g").attr("class", "axis").call(up);
        plot.append("text").attr("class", "label").attr("x", box.inner.width).attr("y", box.inner.height + 36).attr("text-anchor", "end").text(options.x);
        plot.append("text").attr("class", "label").attr("x", -box.margin.left + 4).attr("y", -10).text(options.y);
    }

    function scale(log, extent, range) {
        var low = extent[0], high = extent[1];
        if (log) return d3.scale.log().domain([low / 1.25, high * 1.25]).range(range).clamp(true);
        var room = (high - low || Math.abs(high) || 1) * 0.06;
        return d3.scale.linear().domain([low - room, high + room]).range(range);
    }

    /* options: x, y (names), of: {x(row), y(row), group(row), big(row)}, describe(row), logX, logY, lines: [{points, name?}], columns */
    function scatter(figure, rows, options) {
        var of = options.of, box = frame(figure, 340, options.y + " against " + options.x);
        var groups = options.groups || d3.set(rows.map(of.group)).values().sort();
        var lines = options.lines || [];
        box.margin = { left: 58, right: 12, top: 28, bottom: 46 };
        box.inner = { width: box.width - box.margin.left - box.margin.right, height: box.height - box.margin.top - box.margin.bottom };
        var xs = rows.map(of.x), ys = rows.map(of.y);
        var x = scale(options.logX, d3.extent(xs), [0, box.inner.width]), y = scale(options.logY, d3.extent(ys), [box.inner.height, 0]);
        var plot = box.svg.append("g").attr("transform", "translate(" + box.margin.left + "," + box.margin.top + ")");
        options.dense = d3.max(xs) / d3.min(xs) < 100;
        axes(plot, box, x, y, options);
        var path = d3.svg.line().x(function (p) { return x(p[0]); }).y(function (p) { return y(p[1]); });
        lines.forEach(function (line) {
            plot.append("path").attr("class", line.group === undefined ? "roof" : "front").attr("d", path(line.points(x.domain(), y.domain())))
                .style("stroke", line.group === undefined ? null : colour(groups.indexOf(line.group)));
        });
        /* Later groups are drawn smaller, so that marks of one place stay apart. */
        function group(d) { return groups.indexOf(of.group(d)); }
        var sorted = rows.slice().sort(function (a, b) { return group(a) - group(b) || of.x(a) - of.x(b); });
        var marks = plot.selectAll(".mark").data(sorted).enter().append("circle").attr("class", "mark")
            .attr("cx", function (d) { return x(of.x(d)); }).attr("cy", function (d) { return y(of.y(d)); })
            .attr("r", function (d) { return (of.big && of.big(d) ? 7.5 : 5) - Math.min(3, group(d)) * 0.9; })
            .style("fill", function (d) { return colour(group(d)); })
            .style("fill-opacity", function (d) { return of.big && !of.big(d) ? 0.55 : 0.95; });
        walk(marks, options.describe);
        legend(figure, groups);
        tableBehind(figure, options.columns, sorted);
    }

    /* Horizontal bars of stacked shares. options: name(row), parts: [{name, key}], unit */
    function stacks(figure, rows, options) {
        var narrow = figure.clientWidth < 520, room = narrow ? 0 : 172, step = narrow ? 36 : 22;
        var box = frame(figure, 26 + rows.length * step, options.unit + " by layer");
        var most = d3.max(rows, function (row) { return d3.sum(options.parts, function (p) { return row[p.key]; }); }) || 1;
        var x = d3.scale.linear().domain([0, most]).range([0, box.width - room - 64]);
        var cells = [];
        rows.forEach(function (row, i) {
            var at = 0, y = i * step + (narrow ? 16 : 2), sum = d3.sum(options.parts, function (p) { return row[p.key]; });
            box.svg.append("text").attr("x", 0).attr("y", narrow ? i * step + 11 : y + 13).text(options.name(row));
            options.parts.forEach(function (part, k) {
                if (row[part.key] > 0) cells.push({ row: row, part: part, k: k, at: at, y: y, value: row[part.key], sum: sum });
                at += row[part.key];
            });
            box.svg.append("text").attr("class", "label").attr("x", room + x(at) + 6).attr("y", y + 13).text(number(sum));
        });
        var marks = box.svg.selectAll(".mark").data(cells).enter().append("rect").attr("class", "mark")
            .attr("x", function (c) { return room + x(c.at); }).attr("y", function (c) { return c.y; })
            .attr("width", function (c) { return Math.max(0.5, x(c.value)); }).attr("height", 17)
            .style("fill", function (c) { return colour(c.k); }).style("stroke-width", 0.5);
        walk(marks, function (c) {
            return options.name(c.row) + "\n" + c.part.name + ": " + number(c.value) + " " + options.unit + " (" + number(100 * c.value / c.sum) + " %)";
        });
        legend(figure, options.parts.map(function (p) { return p.name; }));
        tableBehind(figure, [{ name: "layer", text: true, of: options.name }].concat(options.parts), rows);
    }

    return { make: make, number: number, scatter: scatter, stacks: stacks, table: table, showTip: showTip, hideTip: hideTip };
})();
