// The files of Sources/Viewer/Page, byte by byte. A new one needs an array and a line in the table.

#include "CPage.h"

// #embed is C23's; the compiler has it in C17 too, and says so.
#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char api_js[] = {
#embed "../Viewer/Page/api.js"
};
static const unsigned char boxes_js[] = {
#embed "../Viewer/Page/boxes.js"
};
static const unsigned char controls_js[] = {
#embed "../Viewer/Page/controls.js"
};
static const unsigned char cursor_js[] = {
#embed "../Viewer/Page/cursor.js"
};
static const unsigned char display_js[] = {
#embed "../Viewer/Page/display.js"
};
static const unsigned char dom_js[] = {
#embed "../Viewer/Page/dom.js"
};
static const unsigned char exporting_js[] = {
#embed "../Viewer/Page/exporting.js"
};
static const unsigned char facts_js[] = {
#embed "../Viewer/Page/facts.js"
};
static const unsigned char fields_js[] = {
#embed "../Viewer/Page/fields.js"
};
static const unsigned char format_js[] = {
#embed "../Viewer/Page/format.js"
};
static const unsigned char gestures_js[] = {
#embed "../Viewer/Page/gestures.js"
};
static const unsigned char icon_svg[] = {
#embed "../Viewer/Page/icon.svg"
};
static const unsigned char index_html[] = {
#embed "../Viewer/Page/index.html"
};
static const unsigned char keys_js[] = {
#embed "../Viewer/Page/keys.js"
};
static const unsigned char lanes_js[] = {
#embed "../Viewer/Page/lanes.js"
};
static const unsigned char library_js[] = {
#embed "../Viewer/Page/library.js"
};
static const unsigned char link_js[] = {
#embed "../Viewer/Page/link.js"
};
static const unsigned char main_js[] = {
#embed "../Viewer/Page/main.js"
};
static const unsigned char notices_js[] = {
#embed "../Viewer/Page/notices.js"
};
static const unsigned char overlay_js[] = {
#embed "../Viewer/Page/overlay.js"
};
static const unsigned char pane_js[] = {
#embed "../Viewer/Page/pane.js"
};
static const unsigned char pictures_js[] = {
#embed "../Viewer/Page/pictures.js"
};
static const unsigned char player_js[] = {
#embed "../Viewer/Page/player.js"
};
static const unsigned char session_js[] = {
#embed "../Viewer/Page/session.js"
};
static const unsigned char settings_js[] = {
#embed "../Viewer/Page/settings.js"
};
static const unsigned char snippet_js[] = {
#embed "../Viewer/Page/snippet.js"
};
static const unsigned char span_js[] = {
#embed "../Viewer/Page/span.js"
};
static const unsigned char spelling_js[] = {
#embed "../Viewer/Page/spelling.js"
};
static const unsigned char style_css[] = {
#embed "../Viewer/Page/style.css"
};
static const unsigned char theme_js[] = {
#embed "../Viewer/Page/theme.js"
};
static const unsigned char timeline_js[] = {
#embed "../Viewer/Page/timeline.js"
};
static const unsigned char times_js[] = {
#embed "../Viewer/Page/times.js"
};
static const unsigned char transfer_js[] = {
#embed "../Viewer/Page/transfer.js"
};
static const unsigned char transport_js[] = {
#embed "../Viewer/Page/transport.js"
};
static const unsigned char tree_js[] = {
#embed "../Viewer/Page/tree.js"
};
static const unsigned char values_js[] = {
#embed "../Viewer/Page/values.js"
};
static const unsigned char windowfields_js[] = {
#embed "../Viewer/Page/windowfields.js"
};
static const unsigned char zoom_js[] = {
#embed "../Viewer/Page/zoom.js"
};

static const CPage_asset assets[] = {
    {"api.js", api_js, sizeof api_js},
    {"boxes.js", boxes_js, sizeof boxes_js},
    {"controls.js", controls_js, sizeof controls_js},
    {"cursor.js", cursor_js, sizeof cursor_js},
    {"display.js", display_js, sizeof display_js},
    {"dom.js", dom_js, sizeof dom_js},
    {"exporting.js", exporting_js, sizeof exporting_js},
    {"facts.js", facts_js, sizeof facts_js},
    {"fields.js", fields_js, sizeof fields_js},
    {"format.js", format_js, sizeof format_js},
    {"gestures.js", gestures_js, sizeof gestures_js},
    {"icon.svg", icon_svg, sizeof icon_svg},
    {"index.html", index_html, sizeof index_html},
    {"keys.js", keys_js, sizeof keys_js},
    {"lanes.js", lanes_js, sizeof lanes_js},
    {"library.js", library_js, sizeof library_js},
    {"link.js", link_js, sizeof link_js},
    {"main.js", main_js, sizeof main_js},
    {"notices.js", notices_js, sizeof notices_js},
    {"overlay.js", overlay_js, sizeof overlay_js},
    {"pane.js", pane_js, sizeof pane_js},
    {"pictures.js", pictures_js, sizeof pictures_js},
    {"player.js", player_js, sizeof player_js},
    {"session.js", session_js, sizeof session_js},
    {"settings.js", settings_js, sizeof settings_js},
    {"snippet.js", snippet_js, sizeof snippet_js},
    {"span.js", span_js, sizeof span_js},
    {"spelling.js", spelling_js, sizeof spelling_js},
    {"style.css", style_css, sizeof style_css},
    {"theme.js", theme_js, sizeof theme_js},
    {"timeline.js", timeline_js, sizeof timeline_js},
    {"times.js", times_js, sizeof times_js},
    {"transfer.js", transfer_js, sizeof transfer_js},
    {"transport.js", transport_js, sizeof transport_js},
    {"tree.js", tree_js, sizeof tree_js},
    {"values.js", values_js, sizeof values_js},
    {"windowfields.js", windowfields_js, sizeof windowfields_js},
    {"zoom.js", zoom_js, sizeof zoom_js},
};

const CPage_asset *CPage_assetAt(size_t index) { return index < sizeof assets / sizeof *assets ? assets + index : NULL; }
