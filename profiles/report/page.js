/* The sections of the report: what each shows of the data, and its controls. */
(function () {
    "use strict";
    var data = JSON.parse(document.getElementById("data").textContent);
    var make = Charts.make, number = Charts.number, redraws = [];

    function rowsOf(name) { return data[name].rows; }
    function section(id) {
        var element = document.getElementById(id);
        function one(selector) { return element.querySelector(selector); }
        return {
            element: element, controls: one("[data-controls]"), table: one("[data-table]"), summary: one("[data-summary]"), more: one("[data-more]"),
            figure: function (name) { return one("[data-chart=" + name + "]"); }
        };
    }

    /* Says which command fills a section, and leaves nothing else of it. */
    function empty(at, name, why) {
        var note = make("p", null, why || "Nothing of this is in the database yet. It comes from ", { "class": "empty" });
        make("code", note, data[name].fills);
        Array.prototype.slice.call(at.element.querySelectorAll("figure, .controls, .scroll, [data-summary], [data-more]"))
            .forEach(function (node) { node.remove(); });
        at.element.appendChild(note);
    }

    function unique(values) {
        return values.filter(function (value, i) { return value !== null && value !== undefined && values.indexOf(value) === i; });
    }

    function select(at, label, options, chosen, changed) {
        var box = make("label", at.controls, label), list = make("select", box);
        options.forEach(function (option) {
            var value = option.value === undefined ? option : option.value;
            make("option", list, option.text || option, { value: value });
        });
        if (chosen !== null && chosen !== undefined) list.value = chosen;
        list.addEventListener("change", changed);
        return list;
    }

    /* The last folder is enough of a model's path; its hash tells equal names apart. */
    function modelName(row) { return String(row.model || "?").replace(/\/+$/, "").split("/").pop() + " " + String(row.model_hash || "").slice(0, 6); }
    function modelOptions(rows) {
        return unique(rows.map(function (row) { return row.model_hash; })).map(function (hash) {
            return { value: hash, text: modelName(rows.filter(function (row) { return row.model_hash === hash; })[0]) };
        });
    }
    function mb(bytes) { return bytes === null ? null : bytes / 1e6; }
    function unitOf(row) { return row.unit === "static cycles" ? "ms, static" : row.unit === "cycles" ? "ms, simulated" : "ms"; }

    function describe(row) {
        return row.deployment + (row.device ? " on " + row.device : "") + "\n" + number(mb(row.size_bytes)) + " MB, BLEU " + number(row.bleu) +
            (row.bleu_change === null ? "" : " (" + (row.bleu_change > 0 ? "+" : "") + number(row.bleu_change) + " from fp32)") +
            (row.ms === null ? "" : "\n" + number(row.ms) + " " + unitOf(row)) + (row.memory_bytes ? ", " + number(mb(row.memory_bytes)) + " MB of memory" : "") +
            "\n" + (row.purpose || row.what) + ", " + row.time_utc.slice(0, 10);
    }

    function pareto() {
        var at = section("pareto"), all = rowsOf("deployments");
        if (!all.length) return empty(at, "deployments");
        function device(row) { return row.device || "no device"; }
        var everything = { value: "", text: "all models" };
        var model = select(at, "Model", modelOptions(all).concat(everything), null, draw);
        var on = select(at, "Device", ["all devices"].concat(unique(all.map(device)).sort()), null, draw);
        var which = select(at, "Show", ["all", "front only", "verified plans", "translations"], null, draw);
        var columns = [{ name: "deployment", key: "deployment", text: true }, { name: "device", text: true, of: device },
            { name: "MB", of: function (row) { return mb(row.size_bytes); } }, { name: "ms", key: "ms" }, { name: "BLEU", key: "bleu" }];

        function chart(name, rows, groups, x, label) {
            var figure = at.figure(name);
            rows = rows.filter(function (row) { return x(row) !== null; });
            figure.textContent = "";
            if (!rows.length) return void make("p", figure, "No deployment of this choice has a " + (name === "size" ? "size." : "latency."), { "class": "empty" });
            Charts.scatter(figure, rows, {
                x: label, y: "BLEU", logX: true, groups: groups, describe: describe, columns: columns,
                of: { x: x, y: function (row) { return row.bleu; }, group: device, big: function (row) { return !row.beaten; } },
                lines: groups.map(function (group) {
                    /* Of the front in three figures, the corners in the two that are drawn. */
                    var best = -1, corners = rows.filter(function (row) { return device(row) === group && !row.beaten; })
                        .sort(function (a, b) { return x(a) - x(b) || b.bleu - a.bleu; })
                        .filter(function (row) { return row.bleu > best && (best = row.bleu, true); });
                    return { group: group, points: function () { return corners.map(function (row) { return [x(row), row.bleu]; }); } };
                }).filter(function (line) { return line.points().length > 1; })
            });
        }

        function draw() {
            var groups = unique(all.map(device)).sort();
            var rows = all.filter(function (row) {
                return (!model.value || row.model_hash === model.value) && (on.value === "all devices" || device(row) === on.value) &&
                    (which.value === "all" || (which.value === "front only" && !row.beaten) ||
                     (which.value === "verified plans" && row.purpose === "verify") || (which.value === "translations" && row.what === "translation"));
            });
            groups = groups.filter(function (group) { return rows.some(function (row) { return device(row) === group; }); });
            chart("size", rows, groups, function (row) { return mb(row.size_bytes); }, "size, MB");
            chart("latency", rows, groups, function (row) { return row.ms; }, "latency, ms a sentence");
        }
        redraws.push(draw);
        draw();
    }

    function averageBits(bits) {
        var shares = [0.05, 0.1, 0.15, 0.3, 0.4], all = String(bits).split(",").map(Number);
        return all.length === 1 ? all[0] : all.reduce(function (sum, b, i) { return sum + shares[i] * b; }, 0);
    }
    function codeName(code) {
        return code ? code.bits + (code.alpha === "uniform" ? " u" : "") + (code.group_columns ? " " + code.group_columns : "") : "";
    }
    function heat(cell, share) { cell.style.background = "rgba(var(--heat)," + (0.55 * Math.min(1, Math.max(0, share))).toFixed(3) + ")"; }

    /* deployment -> part -> code, of the plans of a model */
    function codesOf(hash) {
        var plans = {};
        rowsOf("codes").forEach(function (row) {
            if (row.model_hash === hash) (plans[row.deployment] = plans[row.deployment] || {})[row.part] = row;
        });
        return plans;
    }
    function deploymentOf(name) { return rowsOf("deployments").filter(function (row) { return row.deployment === name; })[0]; }
    function planOptions(plans) {
        return Object.keys(plans).sort(function (a, b) { return b.slice(1) - a.slice(1); }).map(function (name) {
            var d = deploymentOf(name);
            return { value: name, text: name + (d ? ": " + number(mb(d.size_bytes)) + " MB, BLEU " + number(d.bleu) + ", " + d.purpose : "") };
        });
    }

    function bits() {
        var at = section("bits"), parts = rowsOf("parts");
        if (!parts.length) return empty(at, "parts");
        var model = select(at, "Model", modelOptions(parts), null, draw);
        var many = select(at, "Plans", [{ value: 4, text: "the last 4" }, { value: 8, text: "the last 8" }, { value: 24, text: "the last 24" }], 8, draw);

        function draw() {
            var rows = parts.filter(function (row) { return row.model_hash === model.value; }), plans = codesOf(model.value);
            var names = planOptions(plans).map(function (o) { return o.value; }).slice(0, +many.value);
            var keys = ["nats_1", "nats_2", "nats_3"];
            var logs = [].concat.apply([], rows.map(function (row) { return keys.map(function (key) { return row[key]; }); }))
                .filter(function (v) { return v > 0; }).map(Math.log);
            var low = d3.min(logs), high = d3.max(logs);
            var columns = [{ name: "part", key: "part", text: true }].concat(keys.map(function (key, i) {
                return { name: (i + 1) + " bit" + (i ? "s" : ""), key: key, cell: function (cell, row, value) {
                    if (value > 0) heat(cell, (Math.log(value) - low) / (high - low || 1));
                } };
            }), names.map(function (name, i) {
                return { name: name, text: true, gap: i === 0, of: function (row) { return codeName(plans[name][row.part]); },
                    cell: function (cell, row) { if (plans[name][row.part]) heat(cell, (averageBits(plans[name][row.part].bits) - 0.5) / 3.5); } };
            }));
            at.table.textContent = "";
            Charts.table(at.table, columns, rows);
        }
        draw();
    }

    function ranks(values) {
        var order = values.map(function (v, i) { return [v, i]; }).sort(function (a, b) { return a[0] - b[0]; }), result = [];
        order.forEach(function (pair, i) { result[pair[1]] = i; });
        return result;
    }
    function line(xs, ys) {
        var mx = d3.mean(xs), my = d3.mean(ys), up = 0, across = 0, high = 0;
        xs.forEach(function (x, i) { up += (x - mx) * (ys[i] - my); across += (x - mx) * (x - mx); high += (ys[i] - my) * (ys[i] - my); });
        var slope = across > 0 ? up / across : 0;
        return { slope: slope, base: my - slope * mx, correlation: across > 0 && high > 0 ? up / Math.sqrt(across * high) : NaN };
    }

    function prediction() {
        var at = section("prediction"), all = rowsOf("predictions").filter(function (row) { return row.predicted > 0 && row.measured > 0; });
        if (!all.length) return empty(at, "predictions");
        var model = select(at, "Model", modelOptions(all), null, draw);
        var figure = select(at, "Figure", unique(all.map(function (row) { return row.figure; })), null, draw);

        function draw() {
            var rows = all.filter(function (row) { return row.figure === figure.value && row.model_hash === model.value; }), powers = figure.value === "divergence";
            if (!rows.length) {
                at.summary.textContent = "No plan of this model has this figure and that of all its parts.";
                at.figure("prediction").textContent = "";
                return;
            }
            function of(key) { return rows.map(function (row) { return powers ? Math.log(row[key]) : row[key]; }); }
            var fit = line(of("predicted"), of("measured")), order = line(ranks(of("predicted")), ranks(of("measured")));
            function predicted(x) { return powers ? Math.exp(fit.base + fit.slope * Math.log(x)) : fit.base + fit.slope * x; }
            var errors = rows.map(function (row) { return Math.abs(predicted(row.predicted) / row.measured - 1); });
            at.summary.textContent = rows.length + " plans, rank correlation " + number(order.correlation) + "; after calibration the median error is " +
                number(100 * d3.median(errors)) + " %, the largest " + number(100 * d3.max(errors)) + " %.";
            var unit = powers ? "divergence, nats a word" : "ms on " + figure.value;
            Charts.scatter(at.figure("prediction"), rows, {
                x: "sum of the parts: " + unit, y: "measured: " + unit, logX: powers, logY: powers,
                of: { x: function (row) { return row.predicted; }, y: function (row) { return row.measured; }, group: function (row) { return row.purpose; } },
                describe: function (row) {
                    return row.deployment + ", " + row.purpose + "\nsum of the parts " + number(row.predicted) + "\npredicted " + number(predicted(row.predicted)) +
                        ", measured " + number(row.measured);
                },
                lines: rows.length > 2 ? [{ points: function (d, up) {
                    return d3.range(33).map(function (i) { return powers ? d[0] * Math.pow(d[1] / d[0], i / 32) : d[0] + (d[1] - d[0]) * i / 32; })
                        .map(function (x) { return [x, predicted(x)]; }).filter(function (p) { return p[1] >= up[0] && p[1] <= up[1]; });
                } }] : [],
                columns: [{ name: "plan", key: "deployment", text: true }, { name: "purpose", key: "purpose", text: true },
                    { name: "sum of the parts", key: "predicted" }, { name: "predicted", of: function (row) { return predicted(row.predicted); } },
                    { name: "measured", key: "measured" }]
            });
        }
        redraws.push(draw);
        draw();
    }

    function stalls() {
        var at = section("stalls"), all = rowsOf("stalls");
        if (!all.length) return empty(at, "stalls");
        var runs = unique(all.map(function (row) { return row.simulation; })).map(function (id) {
            var row = all.filter(function (row) { return row.simulation === id; })[0];
            return { value: id, text: row.engine + ", " + row.memory + " memory, " + row.what + " " + row.subject };
        });
        var run = select(at, "Simulation", runs, null, draw), what = select(at, "Of", ["cycles", "bytes"], null, draw);
        function parts(names) { return names.map(function (name) { return { name: name.replace("_bytes", ""), key: name }; }); }

        function draw() {
            var rows = all.filter(function (row) { return String(row.simulation) === run.value && row.layer !== "all"; })
                .sort(function (a, b) { return b.cycles - a.cycles; });
            if (!rows.length) rows = all.filter(function (row) { return String(row.simulation) === run.value; });
            Charts.stacks(at.figure("stalls"), rows, {
                unit: what.value, name: function (row) { return row.layer; },
                parts: what.value === "cycles" ? parts(["steps", "weights", "table", "x", "bank", "alpha", "y", "fetch", "tail"])
                    : parts(["key_bytes", "scale_bytes", "x_bytes", "y_bytes"])
            });
        }
        redraws.push(draw);
        draw();
    }

    function roofline() {
        var at = section("roofline"), kernels = rowsOf("kernels").map(function (row) {
            var products = row.m * row.k * row.n;
            return { x: products / row.key_bytes, y: products / row.median_ns, group: row.bits + (row.bits === 1 ? " bit" : " bits"), bandwidth: row.key_bytes / row.median_ns,
                of: row.cpu + ", " + row["class"] + " " + row.isa, label: row.m + "x" + row.k + ", " + row.bits + " bits, " + row.alpha + (row.group_columns ? "/" + row.group_columns : "") + ", N " + row.n + ", " + row.mode };
        }), engines = rowsOf("engines").filter(function (row) { return row.bytes > 0 && row.seconds > 0; }).map(function (row) {
            return { x: row.products / row.bytes, y: row.products / row.seconds / 1e9, group: row.memory + " memory", bandwidth: row.bus_bits / 8 * row.clock_mhz / 1e3,
                of: "engines, bus " + row.bus_bits + " bits at " + row.clock_mhz + " MHz", label: row.engine + ", " + row.what };
        }), all = kernels.concat(engines);
        if (!all.length) return empty(at, "kernels");
        var where = select(at, "Of", unique(all.map(function (row) { return row.of; })), null, draw);

        function draw() {
            var rows = all.filter(function (row) { return row.of === where.value; });
            var slope = d3.max(rows, function (row) { return row.bandwidth; }), flat = d3.max(rows, function (row) { return row.y; });
            Charts.scatter(at.figure("roofline"), rows, {
                x: "products a byte", y: "10^9 products a second", logX: true, logY: true,
                of: { x: function (row) { return row.x; }, y: function (row) { return row.y; }, group: function (row) { return row.group; } },
                describe: function (row) { return row.label + "\n" + number(row.y) + " Gproducts/s, " + number(row.x) + " products a byte"; },
                lines: [{ points: function (d, up) {
                    var start = Math.max(d[0], up[0] / slope), corner = Math.min(d[1], flat / slope);
                    return corner <= start ? [[d[0], flat], [d[1], flat]] : [[start, slope * start], [corner, slope * corner], [d[1], Math.max(flat, up[0])]];
                } }],
                columns: [{ name: "what", key: "label", text: true }, { name: "group", key: "group", text: true }, { name: "products a byte", key: "x" },
                    { name: "Gproducts/s", key: "y" }, { name: "GB/s", of: function (row) { return row.y / row.x; } }]
            });
        }
        redraws.push(draw);
        draw();
    }

    function quoted(word) { return /^[\w.,:=\/+-]+$/.test(word) ? word : "'" + word.replace(/'/g, "'\\''") + "'"; }

    /* A plan is fitted anew from its codes, on the text that it was measured with; null for what was not made from another thing. */
    function rebuild(row) {
        function text(pattern, otherwise) { return (pattern.exec(row.command) || [null, otherwise])[1]; }
        if (row.what !== "plan") return row.made_by;
        return "lutwidge quantize " + quoted(String(row.model)) + " --deployment " + row.deployment + " --db " + quoted(data.about.database) +
            " --source-text " + text(/\s(?:--source[= ]|-s[= ]?)('[^']*'|\S+)/, "SRC") + " --target-text " + text(/\s(?:--ref[= ]|-r[= ]?)('[^']*'|\S+)/, "REF") +
            (row.unit === "cycles" ? " --arith a8" : "") + " -o " + row.deployment + ".lwm";
    }

    /* Below the line of a deployment: what builds it again, and what measured it. */
    function commands(line, row) {
        var below = make("tr", null), cell = make("td", below, null, { "class": "command", colspan: line.cells.length }), again = rebuild(row);
        var box = make("div", cell);
        if (again) make("code", box, again);
        make("code", box, row.command, { "class": "measured" });
        line.parentNode.insertBefore(below, line.nextSibling);
    }

    function deployments() {
        var at = section("deployments"), all = rowsOf("deployments"), shown = 25, by = null, down = false;
        if (!all.length) return empty(at, "deployments");
        var find = make("input", make("label", at.controls, "Filter by any word"), null, { type: "search", placeholder: "lut-mobile verify" });
        var columns = [{ name: "deployment", key: "deployment", text: true }, { name: "model", text: true, of: modelName }, { name: "device", key: "device", text: true },
            { name: "MB", of: function (row) { return mb(row.size_bytes); } }, { name: "BLEU", key: "bleu" }, { name: "from fp32", key: "bleu_change" },
            { name: "ms", key: "ms" }, { name: "what", text: true, of: function (row) { return row.purpose || row.what; } },
            { name: "when", text: true, of: function (row) { return row.time_utc.slice(0, 10); } }];
        function value(c, row) { return c.of ? c.of(row) : row[c.key]; }

        function draw() {
            var words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
            var rows = all.filter(function (row) {
                var text = JSON.stringify(row).toLowerCase();
                return words.every(function (word) { return text.indexOf(word) >= 0; });
            });
            if (by) rows.sort(function (a, b) { return (down ? -1 : 1) * d3.ascending(value(by, a), value(by, b)); });
            at.table.textContent = "";
            var table = Charts.table(at.table, columns, rows.slice(0, shown));
            Array.prototype.slice.call(table.tBodies[0].rows).forEach(function (line, i) {
                if (!rows[i].beaten) line.className = "on-front";
                commands(line, rows[i]);
            });
            columns.forEach(function (c) {
                c.head.textContent = "";
                make("button", c.head, c.name + (by === c ? (down ? " \u25be" : " \u25b4") : ""), { type: "button" }).addEventListener("click", function () {
                    down = by === c ? !down : false;
                    by = c;
                    draw();
                    c.head.firstChild.focus();
                });
                if (by === c) c.head.setAttribute("aria-sort", down ? "descending" : "ascending");
            });
            at.more.hidden = rows.length <= shown;
            at.more.textContent = "Show more (" + Math.min(shown, rows.length) + " of " + rows.length + ")";
        }
        find.addEventListener("input", draw);
        at.more.addEventListener("click", function () { shown *= 4; draw(); });
        draw();
    }

    function about() {
        document.getElementById("about").textContent = "From " + data.about.database + " by lutwidge " + data.about.version + ". Marks answer to the pointer and to the arrow keys." +
            (rowsOf("deployments").length >= data.about.most_rows ? " Of deployments the " + data.about.most_rows + " that matter most are shown." : "");
        Charts.table(document.getElementById("machines"), [{ name: "CPU", key: "cpu", text: true }, { name: "architecture", key: "arch", text: true },
            { name: "cores", key: "cores" }, { name: "kernel", key: "kernel", text: true }, { name: "runs", key: "runs" }, { name: "last", key: "last_utc", text: true }],
            rowsOf("machines"));
    }

    function plans() {
        drawPlans({ rowsOf: rowsOf, section: section, select: select, empty: empty, codesOf: codesOf, deploymentOf: deploymentOf, planOptions: planOptions,
            modelOptions: modelOptions, codeName: codeName, averageBits: averageBits, heat: heat, mb: mb });
    }

    [about, pareto, bits, plans, prediction, stalls, roofline, deployments].forEach(function (draw) { draw(); });
    var width = window.innerWidth, waiting = 0;
    window.addEventListener("resize", function () {
        if (window.innerWidth === width) return;
        width = window.innerWidth;
        clearTimeout(waiting);
        waiting = setTimeout(function () { redraws.forEach(function (draw) { draw(); }); }, 150);
    });
    window.addEventListener("scroll", Charts.hideTip, { passive: true });
    document.documentElement.setAttribute("data-ready", "1");
})();
