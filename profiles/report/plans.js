/* The CPU's plan beside the accelerator's, and why they differ: from what each code takes on each device. `page` has what the sections
   share: rowsOf, section, select, empty, codesOf, deploymentOf, planOptions, modelOptions, codeName, heat, mb. */
function drawPlans(page) {
    "use strict";
    var make = Charts.make, number = Charts.number, at = page.section("plans");
    var codes = page.rowsOf("codes"), choices = page.rowsOf("choices"), modes = page.rowsOf("modes");
    var parts = page.rowsOf("parts").filter(function (row) { return codes.some(function (code) { return code.model_hash === row.model_hash; }); });
    if (!parts.length) return page.empty(at, "codes");
    var model = page.select(at, "Model", page.modelOptions(parts), null, fill), inner = make("div", at.controls, null, { "class": "controls" });
    var first, second, cpu, engine, which, plans, times;

    function word(command, pattern) {
        var found = pattern.exec(command || "");
        return found ? found[1] : null;
    }
    function deviceOf(name) {
        var d = page.deploymentOf(name);
        return d && d.purpose === "verify" ? word(d.command, /\s(?:--device[= ]|-d[= ]?)(\S+)/) : null;
    }
    /* "--max-size 3MB --max-latency 3ms": the budget of an allocation. */
    function limitsOf(name) {
        var d = page.deploymentOf(name);
        return (d && d.purpose === "verify" && d.command.match(/\s--(?:max-\w+|minimise|pin)[= ](?:'[^']*'|\S+)/g) || [])
            .map(function (limit) { return limit.trim().replace("=", " "); }).sort().join(" ");
    }
    function isEngine(name) { return page.rowsOf("deployments").some(function (row) { return row.device === name && row.unit === "cycles"; }); }

    /* Of the plans that one allocation built, the one that it kept. */
    function isKept(name) {
        var own = page.deploymentOf(name);
        return own && !Object.keys(plans).some(function (other) {
            var d = page.deploymentOf(other);
            return d && d.purpose === "verify" && d.command === own.command && d.divergence_nats < own.divergence_nats;
        });
    }

    /* Two plans of one budget for two devices, the newest first; else the newest for each; else the newest. */
    function findPair(options) {
        var names = options.map(function (o) { return o.value; }).filter(isKept), pairs = [];
        names.forEach(function (a) {
            names.forEach(function (b) {
                if (deviceOf(a) && deviceOf(b) && !isEngine(deviceOf(a)) && isEngine(deviceOf(b))) pairs.push([a, b]);
            });
        });
        return pairs.filter(function (pair) { return limitsOf(pair[0]) === limitsOf(pair[1]); })[0] || pairs[0] || [options[0].value, (options[1] || options[0]).value];
    }

    function fill() {
        plans = page.codesOf(model.value);
        times = {};
        choices.forEach(function (row) {
            if (row.model_hash === model.value)
                (times[row.device] = times[row.device] || {})[row.part + " " + page.codeName(row)] = row.ms;
        });
        var options = page.planOptions(plans), devices = Object.keys(times).sort(), into = { controls: inner };
        var pair = findPair(options), engines = devices.filter(isEngine);
        inner.textContent = "";
        first = page.select(into, "Plan", options, pair[0], draw);
        second = page.select(into, "Other plan", options, pair[1], draw);
        cpu = devices.length ? page.select(into, "Device", devices, devices.indexOf("host") >= 0 ? "host" : devices[0], draw) : null;
        engine = devices.length ? page.select(into, "Other device", devices, engines[0] || devices[devices.length - 1], draw) : null;
        which = page.select(into, "Parts", ["that differ", "all"], null, draw);
        draw();
    }

    function timeOf(device, name, part) {
        var time = device && times[device.value] && times[device.value][part + " " + page.codeName(plans[name][part])];
        return time === undefined ? null : time;
    }
    /* Of all parts; null where one is not known. */
    function sumOf(device, name) {
        var own = Object.keys(plans[name]).map(function (part) { return timeOf(device, name, part); });
        return own.every(function (time) { return typeof time === "number"; }) ? d3.sum(own) : null;
    }

    function say(name) {
        var d = page.deploymentOf(name), device = deviceOf(name), limits = limitsOf(name);
        var takes = [cpu, engine].filter(function (on, i, all) { return on && sumOf(on, name) !== null && (i === 0 || on.value !== all[0].value); })
            .map(function (on) { return number(sumOf(on, name)) + " ms on " + on.value; });
        return name + (device ? ", chosen for " + device + (limits ? " within " + limits : "") : d ? ", " + d.purpose : "") + ": " +
            (d ? number(page.mb(d.size_bytes)) + " MB, BLEU " + number(d.bleu) + (takes.length ? "; " : "") : "") +
            (takes.length ? "its products take " + takes.join(", ") : "") + ".";
    }

    /* "more bits in 3 parts": what changes from one plan to the other, most frequent first. */
    function changes(differ) {
        var a = plans[first.value], b = plans[second.value], counts = {};
        function bits(code) { return page.averageBits(code.bits); }
        function width(code) { return code.group_columns || 1e9; }
        differ.forEach(function (row) {
            var x = a[row.part], y = b[row.part];
            [[bits(y) - bits(x), "more bits", "fewer bits"], [width(x) - width(y), "narrower groups", "wider groups or whole rows"],
                [(y.alpha === "uniform") - (x.alpha === "uniform"), "uniform scales", "free scales"]].forEach(function (change) {
                if (Math.abs(change[0]) > 1e-9) {
                    var what = change[0] > 0 ? change[1] : change[2];
                    counts[what] = (counts[what] || 0) + 1;
                }
            });
        });
        return Object.keys(counts).sort(function (x, y) { return counts[y] - counts[x]; })
            .map(function (what) { return what + " in " + counts[what]; }).join(", ");
    }

    function modeOf(device, bits, alpha, group) {
        return modes.filter(function (row) {
            return row.model_hash === model.value && row.device === device && row.bits === bits && row.alpha === alpha && row.group_columns === group;
        })[0];
    }
    function percent(change) { return (change >= 0 ? "+" : "\u2212") + Math.abs(100 * change).toFixed(Math.abs(change) < 0.1 ? 1 : 0) + " %"; }

    /* What other codes take beside 2 bits with free scales by row, on both devices: where devices part, so may plans. */
    function reasons() {
        if (!cpu || cpu.value === engine.value) return null;
        var steps = [["groups of 64 columns", 2, "free", 64], ["groups of 128", 2, "free", 128], ["uniform scales", 2, "uniform", 0],
            ["a third bit", 3, "free", 0], ["one bit", 1, "free", 0]];
        var told = steps.map(function (step) {
            var change = [cpu, engine].map(function (on) {
                var base = modeOf(on.value, 2, "free", 0), other = modeOf(on.value, step[1], step[2], step[3]);
                return base && other && base.parts === other.parts ? other.ms / base.ms - 1 : null;
            });
            return { name: step[0], change: change, apart: Math.abs(Math.log((1 + change[0]) / (1 + change[1]))) };
        }).filter(function (step) { return step.change[0] !== null && step.change[1] !== null; })
            .sort(function (x, y) { return y.apart - x.apart; });
        if (!told.length) return null;
        return "Beside 2 bits by row, all parts together: " + told.map(function (step) {
            return step.name + " " + percent(step.change[0]) + " on " + cpu.value + ", " + percent(step.change[1]) + " on " + engine.value;
        }).join("; ") + ".";
    }

    /* A plan that the other device has no time for. */
    function tooSlow() {
        var limit = word(limitsOf(second.value), /--max-latency (\S+)/), sum = engine && isEngine(engine.value) ? sumOf(engine, first.value) : null;
        var found = /^([\d.]+)(us|ms|s)$/.exec(limit || "");
        if (!found || sum === null || deviceOf(second.value) !== engine.value) return null;
        var ms = found[1] * { us: 1e-3, ms: 1, s: 1e3 }[found[2]];
        return sum > ms ? first.value + " would take " + number(sum) + " ms on " + engine.value + ", over its limit of " + number(ms) + " ms: so " + second.value +
            " saves where " + engine.value + " pays most." : null;
    }

    /* The parts whose change is worth unlike shares of the whole on the two devices. */
    function examples(differ) {
        var a = first.value, b = second.value, sums = [sumOf(cpu, a), sumOf(engine, a)];
        if (!cpu || cpu.value === engine.value || sums[0] === null || sums[1] === null) return null;
        var best = differ.map(function (row) {
            var shares = [cpu, engine].map(function (on, i) { return (timeOf(on, b, row.part) - timeOf(on, a, row.part)) / sums[i]; });
            return { part: row.part, shares: shares, apart: Math.abs(shares[0] - shares[1]) };
        }).sort(function (x, y) { return y.apart - x.apart; }).slice(0, 3);
        return "Where the devices disagree most: " + best.map(function (e) {
            return e.part + " from " + page.codeName(plans[a][e.part]) + " to " + page.codeName(plans[b][e.part]) + " is " + percent(e.shares[0]) + " of the whole on " +
                cpu.value + ", " + percent(e.shares[1]) + " on " + engine.value;
        }).join("; ") + ".";
    }

    function explain(rows, differ) {
        var a = first.value, b = second.value, lines = [say(a)];
        if (a !== b) lines.push(say(b));
        if (a === b || !differ.length)
            lines.push("This is one plan" + (deviceOf(b) && !/latency|memory|minimise/.test(limitsOf(b)) ?
                ": its limits say nothing of time or memory on a device, so costs had no part in the choice." : "."));
        else
            lines.push(differ.length + " of " + rows.length + " parts have other codes. From " + a + " to " + b + ": " + changes(differ) + ".");
        if (differ.length) lines = lines.concat([tooSlow(), reasons(), examples(differ)].filter(Boolean));
        at.summary.textContent = "";
        lines.forEach(function (line) { make("li", at.summary, line); });
    }

    function draw() {
        var a = first.value, b = second.value;
        var rows = parts.filter(function (row) { return row.model_hash === model.value && plans[a][row.part] && plans[b][row.part]; });
        var differ = rows.filter(function (row) { return page.codeName(plans[a][row.part]) !== page.codeName(plans[b][row.part]); });
        explain(rows, differ);
        var columns = [{ name: "part", key: "part", text: true },
            { name: a, text: true, of: function (row) { return page.codeName(plans[a][row.part]); } },
            { name: b, text: true, of: function (row) { return page.codeName(plans[b][row.part]); },
                cell: function (cell, row, value) {
                    var x = plans[a][row.part], y = plans[b][row.part];
                    if (page.codeName(x) !== value) page.heat(cell, x.bits !== y.bits || x.group_columns !== y.group_columns ? 0.7 : 0.25);
                } },
            { name: "nats at 2 bits", key: "nats_2" }];
        (cpu ? [cpu, engine] : []).forEach(function (on, i) {
            var most = d3.max(rows, function (row) { return Math.max(timeOf(on, a, row.part), timeOf(on, b, row.part)); }) || 1;
            [a, b].forEach(function (name, k) {
                columns.push({ name: on.value + " " + name, gap: k === 0, of: function (row) { return timeOf(on, name, row.part); },
                    cell: function (cell, row, value) {
                        if (value > 0) make("span", cell, null, { "class": "bar" + (i ? " other" : ""), style: "width:" + (2.4 * value / most).toFixed(2) + "rem" });
                    } });
            });
        });
        at.table.textContent = "";
        Charts.table(at.table, columns, which.value === "all" || !differ.length ? rows : differ);
        drawModes();
    }

    /* Every code in all parts at once. */
    function drawModes() {
        var own = modes.filter(function (row) { return row.model_hash === model.value; });
        var devices = own.map(function (row) { return row.device; }).filter(function (name, i, all) { return all.indexOf(name) === i; });
        var rows = own.filter(function (row) { return row.device === devices[0]; });
        at.more.textContent = "";
        Charts.table(at.more, [{ name: "all parts", text: true, of: page.codeName }, { name: "nats, sum of the parts", key: "nats" }].concat(devices.map(function (name) {
            return { name: name + ", ms", of: function (row) {
                var other = modeOf(name, row.bits, row.alpha, row.group_columns);
                return other && other.parts === row.parts ? other.ms : null;
            } };
        })), rows);
    }
    fill();
}
