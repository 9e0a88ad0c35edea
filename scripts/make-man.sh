#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright 2026, The Hashloom authors
#
# make-man.sh OUT VERSION DATE [TREE]: writes the manual, which is made of the comments in the public headers:
# in OUT/man3 a page for each function or group of functions with one comment, in OUT/man7 one for each header.
# make-man.sh --check LIBRARY [TREE]: says what a comment lacks, which exported function has no page and what
# mandoc, where it is installed, finds wrong with a page.
#
# The comment of a function stands directly before it; parse() describes its form. It may refer to another
# function ("as NAME(), but ...", or "the same, ..." for the one before): what it does not say, that one must.
set -eu
scripts=$(cd "$(dirname "$0")" && pwd)

# Functions whose comments lack lines of the contract, and functions that only macros use.
# A name that is here without need is a fault, too.
incomplete=''
inside='future_chain_has_property future_chain_impl vdm_operation_impl'

# The $ are awk's.
# shellcheck disable=SC2016
program='
BEGIN {
	labels = "Returns Threads Progress Order Memory Cost Lifetime Source"
	label = labels
	gsub(/ /, "|", label)
	label = "(" label ")"
	key = "[A-Za-z_][A-Za-z_0-9]*( \\([^)]*\\))?"
	field = "^" key "(, " key ")*:( |$)"
	titles = "^(When not to use it|Model in one sentence|Which calls may run together|Cost|Dropping):"
}

# ---- reading ---------------------------------------------------------------------------------------

FNR == 1 {
	end_code()
	file = FILENAME
	sub(/.*\/include\//, "", file)
	files[++files_count] = file
	comment = ""
}

/^\/\*/ {
	end_code()
	comment = ""
	doc = 0
	in_comment = 1
}

in_comment {
	in_comment = !sub(/ *\*\/$/, "")
	sub(/^(\/\*| \*) ?/, "")
	if (comment != "" || $0 != "")
		comment = comment $0 "\n"
	if (!in_comment)
		end_comment()
	next
}

/^#include <hashloom\// { includes[file] = includes[file] " " substr($2, 2, length($2) - 2) }

/^(HASHLOOM_API|static inline) / { in_declaration = 1 }

in_declaration {
	declaration = declaration " " $0
	if (/\);?$/) {
		declare(declaration)
		declaration = ""
		in_declaration = 0
	}
	next
}

/^$/ { end_code() }

/./ { code[++code_count] = $0 }

function end_comment(   name)
{
	sub(/\n+$/, "", comment)
	name = file
	sub(/.*\//, "", name)
	if (index(comment, name ": ") == 1)
		head[file] = substr(comment, length(name) + 3)
	above = comment
}

# Code goes up to a blank line or a comment. Public types and macros are shown, with the comment directly above.
function end_code()
{
	if (code_count > 0 && code[1] ~ /^((enum|struct) [a-z_]+ [{]|typedef |FUTURE\(|#define )/ &&
	    code[1] !~ /^[a-z# ]+ (HL|hl)_/)
		types[file] = types[file] above "\n\n" without_bodies() "\n"
	above = ""
	code_count = 0
}

# What a macro does is left out, unless it is a list of X(...).
function without_bodies(   i, line, continues, in_body, shown)
{
	for (i = 1; i <= code_count; i++) {
		line = code[i]
		gsub(/\t/, "    ", line)
		continues = sub(/ *\\$/, "", line)
		if (!in_body && line ~ /^#define [A-Z_]+\([^X]/)
			sub(/\).*/, ")", line)
		else if (!in_body)
			continues = 0
		if (!in_body && line !~ /^(#[^d]|#define HL_)/)
			shown = shown "    " line "\n"
		in_body = continues
	}
	return shown
}

function declare(text,   name, names, n, i)
{
	gsub(/[ \t]+/, " ", text)
	sub(/^ (HASHLOOM_API|static inline) /, "", text)
	sub(/;$/, "", text)
	name = text
	sub(/\(.*/, "", name)
	sub(/.*[ *]/, "", name)
	if (name ~ /^hl_/)
		return
	prototype[name] = text
	if (match(comment, /^[a-z][a-z_0-9]*(, [a-z_0-9]+)*: /)) {
		n = split(substr(comment, 1, RLENGTH - 2), names, ", ")
		for (i = 1; i <= n; i++)
			if (name == names[i] || names[i] ~ /^_/ && name ~ names[i] "$") {
				add_member(name, n, substr(comment, RLENGTH + 1))
				return
			}
	}
	fault(name, "has no comment that begins with its name")
}

function add_member(name, members_named, text)
{
	if (!doc) {
		doc = ++docs_count
		header[doc] = file
		comment_of[doc] = text
		first[doc] = name
	}
	doc_of[name] = doc
	members[doc] = members[doc] " " name
	members_missing[doc] = members_named - split(members[doc], unused, " ")
}

# ---- parsing ---------------------------------------------------------------------------------------

# A comment says what the function does; then come fields. A field is a line that begins with names and a colon;
# the names are of parameters and of lines of the contract. A line of the contract may also stand behind other
# text. A line that begins otherwise goes on with what the line before said.
function parse(doc,   text, line, n, i, names)
{
	text = comment_of[doc]
	sub(/^the same,/, "as " first[doc - 1] "(),", text)
	while (match(text, "[^, \n] +" label "(, " key ")*: "))
		text = substr(text, 1, RSTART) "\n" unindented(substr(text, RSTART + 1))
	n = split(text, line, "\n")
	text = line[1]
	for (i = 2; i <= n; i++) {
		if (line[i] ~ field) {
			end_field(doc, names, text)
			names = substr(line[i], 1, index(line[i], ":") - 1)
			text = unindented(substr(line[i], length(names) + 2))
		} else
			text = text " " unindented(line[i])
	}
	end_field(doc, names, text)
}

function end_field(doc, names, text,   name, n, i, said)
{
	if (names == "") {
		does[doc] = text
		refers[doc] = references_in(text)
	}
	n = split(names, name, ", ")
	for (i = 1; i <= n; i++) {
		said = text
		if (match(name[i], / \(.*\)$/)) { # an answer of its own: "Memory (none)"
			said = substr(name[i], RSTART + 2, RLENGTH - 3) "."
			name[i] = substr(name[i], 1, RSTART - 1)
		}
		if (said == "as above." && (header[doc], name[i]) in above_said)
			said = above_said[header[doc], name[i]]
		says[doc, name[i]] = above_said[header[doc], name[i]] = said
		if (name[i] !~ "^" label "$")
			described[doc] = described[doc] " " name[i]
	}
}

function references_in(text,   list)
{
	if (text ~ /(^|[ (])as [a-z_0-9]+\(\)/)
		while (match(text, /[a-z_][a-z_0-9]*\(\)/)) {
			list = list " " substr(text, RSTART, RLENGTH - 2)
			text = substr(text, RSTART + RLENGTH)
		}
	return list
}

# The parameters of a function, with their types, go into the list; returns how many there are.
function parameters_of(name, list,   text)
{
	text = prototype[name]
	sub(/^[^(]*\(/, "", text)
	sub(/\)$/, "", text)
	return text == "void" ? 0 : split(text, list, ", ")
}

function name_of(parameter)
{
	sub(/(\[[^]]*\])+$/, "", parameter)
	sub(/.*[ *]/, "", parameter)
	return parameter
}

function unindented(text)
{
	sub(/^ +/, "", text)
	return text
}

# ---- checking --------------------------------------------------------------------------------------

function fault(name, text)
{
	if (index(" " excused " ", " " name " "))
		needs_excuse[name] = 1
	else
		print "include/" (name in doc_of ? header[doc_of[name]] : file) ": " name "() " text
}

# Whether the comment says it, or one that it refers to. The depth ends circles. A parameter may also stand at
# the beginning of a clause ("; arg is handed through"), or anywhere in a comment that refers to another one.
function covers(doc, what, depth,   names, n)
{
	if ((doc, what) in says || comment_of[doc] ~ "[;.] " what " ")
		return 1
	if (refers[doc] != "" && what ~ /^[a-z]/ && (" " comment_of[doc] " ") ~ "[^A-Za-z_0-9]" what "[^A-Za-z_0-9]")
		return 1
	for (n = split(refers[doc], names, " "); n > 0 && depth > 0; n--)
		if (names[n] in doc_of && covers(doc_of[names[n]], what, depth - 1))
			return 1
	return 0
}

function check(doc,   names, list, n, i, parameters)
{
	if (members_missing[doc] > 0)
		fault(first[doc], "shares its comment with a function that does not follow")
	for (n = split(refers[doc], names, " "); n > 0; n--)
		if (!(names[n] in doc_of))
			fault(first[doc], "refers to " names[n] "(), which has no comment")
	for (n = split(labels, names, " "); n > 0; n--)
		if (names[n] != "Source" && !covers(doc, names[n], 5))
			fault(first[doc], "does not say: " names[n])
	for (n = split(members[doc], names, " "); n > 0; n--)
		for (i = parameters_of(names[n], list); i > 0; i--) {
			parameters = parameters " " name_of(list[i]) " "
			if (!covers(doc, name_of(list[i]), 5))
				fault(names[n], "has a parameter that is not mentioned: " name_of(list[i]))
		}
	for (n = split(described[doc], names, " "); n > 0; n--)
		if (!index(parameters, " " names[n] " "))
			fault(first[doc], "has no parameter " names[n])
}

function check_all(   n, i, names)
{
	for (i = 1; i <= files_count; i++)
		if (head[files[i]] == "")
			print "include/" files[i] ": no comment that begins with its name"
	for (i = 1; i <= docs_count; i++)
		check(i)
	for (n = split(excused, names, " "); n > 0; n--)
		if (!needs_excuse[names[n]])
			print "make-man.sh excuses " names[n] "() without need"
	if (docs_count == 0)
		print "no function has a comment"
}

# ---- writing ---------------------------------------------------------------------------------------

function request(text) { print text >page }
function put(text) { request((text ~ /^[.\047]/ ? "\\&" : "") text) }
function bold(text) { return "\\fB" text "\\fR" }

# A name in the code stays as it is.
function capital(text) { return text ~ /^[a-z]+_/ ? text : toupper(substr(text, 1, 1)) substr(text, 2) }

function heading(text)
{
	request(".SH " text)
	after_heading = 1
}

function paragraph()
{
	if (!after_heading)
		request(".PP")
	after_heading = 0
}

function item(tag, text)
{
	request(".TP 10")
	put(tag)
	put(text)
	after_heading = 0
}

function escaped(text)
{
	gsub(/\\/, "\\(rs", text)
	gsub(/\^/, "\\(ha", text)
	gsub(/~/, "\\(ti", text)
	return text
}

function plain(text)
{
	text = escaped(text)
	gsub(/ -/, " \\-", text)
	return text
}

function literal(text)
{
	text = escaped(text)
	gsub(/-/, "\\-", text)
	gsub(/\047/, "\\(aq", text)
	gsub(/`/, "\\(ga", text)
	return text
}

# What stands between grave accents is bold; names of functions and of other headers become references.
function prose(text,   out, token, name)
{
	gsub(/  +/, " ", text)
	while (match(text, /`[^`]*`|[A-Za-z_][A-Za-z_0-9]*(\.h|\(\))?/)) {
		token = name = substr(text, RSTART, RLENGTH)
		out = out plain(substr(text, 1, RSTART - 1))
		text = substr(text, RSTART + RLENGTH)
		sub(/\(\)$/, "", name)
		if (token ~ /^`/)
			out = out bold(literal(substr(token, 2, length(token) - 2)))
		else if (name in doc_of)
			out = out bold(name) (doc_of[name] == doc ? "()" : "(3)")
		else if (("hashloom/" token) in head && "hashloom/" token != page_header)
			out = out bold(page_of("hashloom/" token)) "(7)"
		else
			out = out token
	}
	return out plain(text)
}

function page_of(file)
{
	sub(/\.h$/, "", file)
	sub(/\//, "_", file)
	return file
}

function begin_page(name, section, file, title, text)
{
	page = "man" section "/" name "." section
	page_header = file
	request(".\\\" Made by make-man.sh from include/" file ". Do not edit.")
	request(".TH " name " " section " " footer)
	heading("NAME")
	if (match(text, /\.( |$)/))
		text = substr(text, 1, RSTART - 1)
	put(title " \\- " plain(text))
	heading("SYNOPSIS")
	request(".nf")
	put(bold("#include <" file ">"))
}

# A page ends with references.
function end_page(list,   names, n, i)
{
	n = split(list, names, " ")
	if (n > 0)
		heading("SEE ALSO")
	for (i = 1; i <= n; i++)
		request(".BR " names[i] (names[i] in doc_of ? " (3)" : " (7)") (i < n ? "," : ""))
	close(page)
}

# Lines of up to 70 characters, with the parameters below each other if they fit.
function put_prototype(name,   line, width, indent, list, n, i, kind, rest)
{
	line = prototype[name]
	sub(/\(.*/, "(", line)
	width = indent = length(line)
	line = "\\fB" line
	n = parameters_of(name, list)
	for (i = 1; i <= n; i++)
		if (width + length(list[i]) + 1 > 70)
			indent = 8
	for (i = 1; i <= n; i++) {
		match(list[i], /[A-Za-z_0-9]+(\[[^]]*\])*$/)
		kind = substr(list[i], 1, RSTART - 1)
		rest = substr(list[i], RSTART + length(name_of(list[i])))
		if (width + length(list[i]) + 1 > 70 && width > indent) {
			put(line)
			width = indent
			line = sprintf("%" indent "s\\fB", "")
		} else if (i > 1)
			kind = " " kind
		line = line kind "\\fI" name_of(list[i]) "\\fB" rest (i < n ? "," : "")
		width += length(list[i]) + 2
	}
	put(line (n == 0 ? "void" : "") ");\\fR")
}

function write_function(names,   name, n, i)
{
	n = split(members[doc], name, " ")
	names = substr(members[doc], 2)
	gsub(/ /, ", ", names)
	begin_page(name[1], 3, header[doc], names, does[doc])
	for (i = 1; i <= n; i++) {
		request(".PP")
		put_prototype(name[i])
	}
	request(".fi")
	heading("DESCRIPTION")
	put(prose(capital(does[doc])))
	write_parameters()
	if ((doc, "Returns") in says) {
		heading("RETURN VALUE")
		put(prose(capital(says[doc, "Returns"])))
	}
	write_guarantees()
	end_page(refers[doc] " " page_of(header[doc]))
	for (i = 2; i <= n; i++)
		system("ln -s " name[1] ".3 man3/" name[i] ".3")
}

# Neighbours of which the same is said share an entry.
function write_parameters(   name, n, i, tag, text)
{
	n = split(described[doc], name, " ")
	if (n > 0)
		heading("PARAMETERS")
	for (i = 1; i <= n; i++) {
		tag = tag "\\fI" name[i] "\\fR"
		text = says[doc, name[i]]
		if (i < n && says[doc, name[i + 1]] == text) {
			tag = tag ", "
			continue
		}
		gsub(/see above/, "see `" page_of(header[doc]) "`(7)", text)
		item(tag, prose(text))
		tag = ""
	}
}

function write_guarantees(   name, n, i, any)
{
	n = split(labels, name, " ")
	for (i = 2; i <= n; i++)
		if ((doc, name[i]) in says) {
			if (!any++)
				heading("GUARANTEES")
			item(bold(name[i]), prose(says[doc, name[i]]))
		}
	if (match(comment_of[doc], /[ (][A-Z]\.[0-9]/)) {
		paragraph()
		put("What is named like " substr(comment_of[doc], RSTART + 1, 3) " is a guarantee in")
		request(".BR " page_of(header[doc]) " (7).")
	}
}

# The text of other comments. A line that is indented begins an item if it has a tag like "F.1" or "WAKER", belongs
# to the item before it, or is code.
function flow(text,   line, n, i, begins, kind, last)
{
	n = split(text, line, "\n")
	begins = 1
	for (i = 1; i <= n; i++) {
		if (line[i] == "") {
			begins = 1
			continue
		}
		kind = line[i] !~ /^  / ? "text" : line[i] ~ /^  [A-Z]+(\.[0-9]+)?  +[^ ]/ ? "item" : \
			last ~ /item/ && !begins ? "rest of item" : "code"
		if (last == "code" && kind != "code")
			request(".EE\n.in")
		if (kind == "item")
			put_tagged(unindented(line[i]))
		else if (kind == "code")
			put_code(line[i], last == "code", begins)
		else if (kind == "text" && (begins || last != "text" || line[i] ~ /^[a-z]+: /))
			begin_text(line[i], begins)
		else
			put(prose(unindented(line[i])))
		last = kind
		begins = 0
	}
	if (last == "code")
		request(".EE\n.in")
}

function put_tagged(text)
{
	match(text, / +/)
	item(bold(substr(text, 1, RSTART - 1)), prose(substr(text, RSTART + RLENGTH)))
}

function put_code(text, goes_on, after_blank)
{
	if (!goes_on) {
		if (text ~ /\(examples\//)
			heading("EXAMPLES")
		paragraph()
		request(".in +4n\n.EX")
		match(text, /[^ ]/)
		code_indent = RSTART
	} else if (after_blank)
		put("")
	match(text, /[^ ]/)
	put(literal(substr(text, RSTART < code_indent ? RSTART : code_indent)))
}

function begin_text(text, after_blank)
{
	if (after_blank && match(text, titles)) {
		heading(toupper(substr(text, 1, RLENGTH - 1)))
		text = capital(unindented(substr(text, RLENGTH + 1)))
	} else if (after_blank && text ~ /^[A-Z][a-z]+( [a-z]+)?$/) {
		heading(toupper(text))
		return
	}
	paragraph()
	put(prose(text))
}

function write_header(file,   text, rest, name, list, n, i)
{
	doc = 0
	text = rest = head[file]
	gsub(/\n/, " ", text)
	begin_page(page_of(file), 7, file, page_of(file), text)
	request(".fi")
	heading("DESCRIPTION")
	if (match(rest, /\.[ \n]+/))
		rest = substr(rest, RSTART + RLENGTH)
	flow(capital(rest))
	if (file in types) {
		heading("TYPES AND MACROS")
		flow(types[file])
	}
	write_list_of_functions(file)
	n = split(includes[file], name, " ")
	for (i = 1; i <= n; i++)
		list = list " " page_of(name[i])
	end_page(list)
}

function write_list_of_functions(file,   i, any, tag, text)
{
	for (i = 1; i <= docs_count; i++)
		if (header[i] == file) {
			if (!any++)
				heading("FUNCTIONS")
			tag = substr(members[i], 2)
			gsub(/ /, "\\fR(3), \\fB", tag)
			text = does[i]
			sub(/\. .*/, ".", text)
			item(bold(tag) "(3)", prose(text))
		}
}

END {
	end_code()
	for (i = 1; i <= docs_count; i++)
		parse(i)
	check_all()
	for (doc = 1; doc <= docs_count; doc++)
		write_function()
	for (i = 1; i <= files_count; i++)
		write_header(files[i])
}
'

write_pages() # OUT VERSION DATE [TREE]: prints what is wrong with the comments
(
	include=$(cd "${4:-$scripts/..}/include" && pwd)
	mkdir -p "$1"
	cd "$1"
	rm -rf man3 man7
	mkdir man3 man7
	LC_ALL=C awk -v footer="$3 \"Hashloom $2\" \"Hashloom\"" -v excused="$incomplete $inside" \
		"$program" "$include/hashloom.h" "$include"/hashloom/*.h
)

check_exported() # OUT LIBRARY
{
	# hl_ahm_: what typed maps need of the library; internal
	names=$(nm -D --defined-only "$2" | awk '$3 !~ /^hl_ahm_/ { print $3 }')
	for name in ${names:?"nothing is exported by $2"}; do
		[ -e "$1/man3/$name.3" ] || echo "$name() is exported and has no page"
	done
}

check_markup() # OUT
{
	if command -v mandoc >/dev/null; then
		mandoc -Tlint -Wwarning "$1"/man?/* || true # it has said why
	fi
}

if [ "${1:?usage: make-man.sh OUT VERSION DATE [TREE]}" != --check ]; then
	write_pages "$@" >&2
	exit
fi

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
faults=$(
	write_pages "$out" 0 2000-01-01 "${3:-$scripts/..}"
	check_exported "$out" "$2"
	check_markup "$out"
)
[ -z "$faults" ] || { echo "$faults"; exit 1; }
