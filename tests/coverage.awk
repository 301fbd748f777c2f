# A table of line and toggle coverage by file, from rtl/coverage.exclude and a merged file of verilator_coverage. With
# -v missing=1 also what is not covered. Status 1 below the bars, or where an exclusion excludes nothing.
function field(key,   at, rest) {
    at = index($0, "\001" key "\002")
    rest = substr($0, at + length(key) + 2)
    return substr(rest, 1, match(rest, /[\001\047]/) - 1)
}
BEGIN { rules = 0 }
FNR == 1 { input++ }
input == 1 && /^[^#]/ {
    excluded_file[rules] = "^" $1 "$"
    excluded_point[rules++] = "^" $2 "$"
}
input == 2 && /^C/ {
    file = field("f")
    kind = field("page") ~ /^v_toggle/ ? "toggle" : "line"
    point = kind == "toggle" ? field("o") : field("l")
    for (i = 0; i < rules; i++)
        if (file ~ excluded_file[i] && point ~ excluded_point[i]) {
            if ($NF == 0) used[i] = 1
            next
        }
    files[file]
    all[kind, file]++
    all[kind, "all"]++
    if ($NF > 0) { hit[kind, file]++; hit[kind, "all"]++ }
    else if (missing) print file ":" field("l") ": " kind " " field("o")
}
function share(kind, file) {
    return all[kind, file] ? 100 * hit[kind, file] / all[kind, file] : 100
}
function row(file) {
    printf "%-20s %6d %8.2f %8d %8.2f\n", file, all["line", file], share("line", file), all["toggle", file], share("toggle", file)
}
END {
    printf "%-20s %6s %8s %8s %8s\n", "file", "lines", "%", "toggles", "%"
    for (file in files) names[++count] = file
    for (i = 1; i <= count; i++)
        for (j = i + 1; j <= count; j++)
            if (names[j] < names[i]) { swap = names[i]; names[i] = names[j]; names[j] = swap }
    for (i = 1; i <= count; i++) row(names[i])
    row("all")
    for (i = 0; i < rules; i++)
        if (!used[i]) { print "rtl/coverage.exclude: nothing to exclude: " excluded_file[i] " " excluded_point[i]; bad = 1 }
    exit !all["line", "all"] || share("line", "all") < 95 || share("toggle", "all") < 90 || bad
}
