"""The parts that dashboards are made of, in the words of Grafana's dashboard schema."""

GREEN, AMBER, RED, BLUE = "green", "orange", "red", "blue"
SOURCE = {"type": "prometheus", "uid": "${datasource}"}

# What every expression about instances, groups and peers is narrowed by.
INSTANCE = 'instance=~"$instance"'
GROUP = INSTANCE + ',group=~"$group"'
PEER = INSTANCE + ',peer=~"$peer"'
PEER_RESOURCE = PEER + ',resource=~"$resource"'
GROUP_PEER = GROUP + ',peer=~"$peer"'


def query(expr, legend="", instant=False, form="time_series"):
    """One expression; over the shown time, or of the last moment alone."""
    return {
        "datasource": SOURCE,
        "editorMode": "code",
        "expr": expr,
        "format": form,
        "instant": instant,
        "legendFormat": legend or "__auto",
        "range": not instant,
    }


def steps(base, *rising):
    """Colours by rising value: `steps(GREEN, (0.7, AMBER), (0.9, RED))`."""
    named = [{"color": base, "value": None}]
    return {"mode": "absolute", "steps": named + [{"color": c, "value": v} for v, c in rising]}


def _panel(kind, title, description, queries, defaults, options, overrides=()):
    targets = [dict(each, refId=chr(ord("A") + at)) for at, each in enumerate(queries)]
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": SOURCE,
        "targets": targets,
        "fieldConfig": {"defaults": defaults, "overrides": list(overrides)},
        "options": options,
    }


def series(title, description, queries, unit, stack=False, thresholds=None, low=0, high=None, step=False):
    """Lines over time; with thresholds, their areas are marked."""
    custom = {
        "drawStyle": "line",
        "lineInterpolation": "stepAfter" if step else "linear",
        "lineWidth": 1,
        "fillOpacity": 25 if stack else 8,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if stack else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if thresholds else "off"},
    }
    defaults = {
        "unit": unit,
        "color": {"mode": "palette-classic"},
        "custom": custom,
        "thresholds": thresholds or steps(GREEN),
    }
    defaults.update({key: value for key, value in (("min", low), ("max", high)) if value is not None})
    options = {
        "legend": {"displayMode": "table", "placement": "bottom", "showLegend": True, "calcs": ["lastNotNull", "max"]},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return _panel("timeseries", title, description, queries, defaults, options)


def stat(title, description, queries, unit, thresholds, none="none", names=False):
    """One number, or one of each series, coloured by its thresholds."""
    defaults = {"unit": unit, "color": {"mode": "thresholds"}, "thresholds": thresholds, "noValue": none}
    options = {
        "colorMode": "value",
        "graphMode": "area",
        "justifyMode": "auto",
        "orientation": "auto",
        "textMode": "value_and_name" if names else "auto",
        "wideLayout": True,
        "showPercentChange": False,
        "percentChangeColorMode": "standard",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    }
    return _panel("stat", title, description, queries, defaults, options)


def bars(title, description, queries, unit, thresholds, high):
    """A bar of each series, from 0 to `high`."""
    defaults = {"unit": unit, "min": 0, "max": high, "color": {"mode": "thresholds"}, "thresholds": thresholds}
    options = {
        "displayMode": "lcd",
        "orientation": "horizontal",
        "showUnfilled": True,
        "valueMode": "color",
        "namePlacement": "auto",
        "sizing": "auto",
        "minVizHeight": 16,
        "maxVizHeight": 300,
        "minVizWidth": 8,
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False, "calcs": []},
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    }
    return _panel("bargauge", title, description, queries, defaults, options)


def states(title, description, queries, words):
    """Words over time: `words` gives the text and colour of every value."""
    mapped = {str(value): {"text": text, "color": colour, "index": at} for at, (value, text, colour) in enumerate(words)}
    defaults = {
        "color": {"mode": "thresholds"},
        "mappings": [{"type": "value", "options": mapped}],
        "thresholds": steps(BLUE),
        "custom": {"lineWidth": 0, "fillOpacity": 70},
    }
    options = {
        "mergeValues": True,
        "showValue": "auto",
        "alignValue": "left",
        "rowHeight": 0.9,
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False, "calcs": []},
        "tooltip": {"mode": "single", "sort": "none"},
    }
    return _panel("state-timeline", title, description, queries, defaults, options)


def heat(title, description, expr, unit):
    """A histogram's buckets over time."""
    options = {
        "calculate": False,
        "cellGap": 1,
        "color": {"mode": "scheme", "scheme": "Oranges", "exponent": 0.5, "fill": "dark-orange", "reverse": False, "steps": 64},
        "exemplars": {"color": "rgba(255,0,255,0.7)"},
        "filterValues": {"le": 1e-9},
        "showValue": "never",
        "legend": {"show": True},
        "rowsFrame": {"layout": "auto"},
        "tooltip": {"mode": "single", "yHistogram": False},
        "yAxis": {"axisPlacement": "left", "reverse": False, "unit": unit},
    }
    defaults = {"custom": {"scaleDistribution": {"type": "linear"}}}
    return _panel("heatmap", title, description, [query(expr, "{{le}}", form="heatmap")], defaults, options)


def table(title, description, columns, by):
    """One row for each set of the labels `by`; a column is (title, expression, unit, thresholds)."""
    queries, overrides, renamed = [], [], {}
    for at, (name, expr, unit, thresholds) in enumerate(columns):
        queries.append(query(expr, instant=True, form="table"))
        renamed["Value #" + chr(ord("A") + at)] = name
        properties = [{"id": "unit", "value": unit}]
        if thresholds:
            properties.append({"id": "thresholds", "value": thresholds})
            properties.append({"id": "custom.cellOptions", "value": {"type": "color-text"}})
        overrides.append({"matcher": {"id": "byName", "options": name}, "properties": properties})
    defaults = {"custom": {"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False}, "thresholds": steps(GREEN)}
    options = {"showHeader": True, "cellHeight": "sm", "frameIndex": 0}
    panel = _panel("table", title, description, queries, defaults, options, overrides)
    order = {name: at for at, name in enumerate(by)}
    hidden = {"Time": True}
    panel["transformations"] = [
        {"id": "merge", "options": {}},
        {"id": "organize", "options": {"excludeByName": hidden, "indexByName": order, "renameByName": renamed}},
    ]
    return panel


def variable(name, label, definition):
    """A choice among the values of a label, several at once, all by default."""
    return {
        "type": "query",
        "name": name,
        "label": label,
        "datasource": SOURCE,
        "query": {"qryType": 1, "query": definition, "refId": "PrometheusVariableQueryEditor-VariableQuery"},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "options": [],
        "regex": "",
        "hide": 0,
        "skipUrlSync": False,
    }


DATASOURCE = {
    "type": "datasource",
    "name": "datasource",
    "label": "Prometheus",
    "query": "prometheus",
    "multi": False,
    "includeAll": False,
    "current": {"selected": False, "text": "default", "value": "default"},
    "options": [],
    "regex": "",
    "refresh": 1,
    "hide": 0,
    "skipUrlSync": False,
}
VARIABLES = {
    "instance": variable("instance", "Instance", "label_values(tandem_build_info, instance)"),
    "group": variable("group", "Group", f"label_values(tandem_peer_info{{{INSTANCE}}}, group)"),
    "peer": variable("peer", "Peer", f"label_values(tandem_peer_info{{{GROUP}}}, peer)"),
    "resource": variable("resource", "Resource", f"label_values(tandem_peer_info{{{GROUP}}}, resource)"),
}


def dashboard(uid, title, description, variables, rows):
    """A dashboard of rows, each a title and its panels as (width, height, panel)."""
    panels, y = [], 0
    for name, members in rows:
        panels.append({"type": "row", "title": name, "collapsed": False, "panels": [], "gridPos": {"h": 1, "w": 24, "x": 0, "y": y}})
        y, x, tallest = y + 1, 0, 0
        for width, height, panel in members:
            if x + width > 24:
                x, y, tallest = 0, y + tallest, 0
            panels.append(dict(panel, gridPos={"h": height, "w": width, "x": x, "y": y}))
            x, tallest = x + width, max(tallest, height)
        y += tallest
    links = {"type": "dashboards", "title": "Tandem", "tags": ["tandem"], "asDropdown": False, "icon": "external link",
             "includeVars": True, "keepTime": True, "targetBlank": False, "tooltip": "", "url": ""}
    return {
        "uid": uid,
        "title": title,
        "description": description,
        "tags": ["tandem", "sip"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "fiscalYearStartMonth": 0,
        "liveNow": False,
        "weekStart": "",
        "timezone": "browser",
        "refresh": "5s",
        "time": {"from": "now-30m", "to": "now"},
        "timepicker": {},
        "annotations": {"list": []},
        "links": [links],
        "templating": {"list": [DATASOURCE] + [VARIABLES[name] for name in variables]},
        "panels": [dict(panel, id=at + 1) for at, panel in enumerate(panels)],
    }
