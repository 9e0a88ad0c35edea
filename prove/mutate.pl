#!/usr/bin/perl
# SPDX-License-Identifier: BSD-3-Clause
# Copyright 2026, The Hashloom authors
#
# mutate.pl TREE --list:      the names of all mutations, with the programs that are to catch them
# mutate.pl TREE NAME COPY:   makes COPY/include and COPY/src, the tree's with one mutation in them ("none": without). Files
#                             that are as they should be are not touched, so that little is compiled again.
#
# The mutations are in TREE/prove/mutations/*.txt. Each takes one fence, look, wait or order out of the library:
#
#     name: any_key-insert-without-lock
#     file: include/hashloom/atomic_hash_array_core.h
#     program: scenarios_map tsan:scenarios_map
#     ---
#     the old text, whole lines, which are there once
#     +++
#     the new text; may be empty
#     ===
#
# The programs are targets of the build, and one of them that ends with a status other than 0 has caught it; tsan: in front means that it is
# compiled with ThreadSanitizer. One that nothing can catch has `program: none` and a line `why:`. Lines that begin with # are comments,
# but not between --- and ===.
use strict;
use warnings;
use File::Basename qw(dirname);
use File::Find qw(find);
use File::Path qw(make_path);

sub slurp
{
	my ($path) = @_;
	open(my $in, '<', $path) or die "$path: $!\n";
	local $/;
	my $text = <$in>;
	return defined $text ? $text : '';
}

sub read_mutations
{
	my ($path) = @_;
	my (@mutations, %mutation);
	my $part = 'head';

	for my $line (split /^/, slurp($path)) {
		if ($part eq 'head') {
			next if $line =~ /^#|^\s*$/;
			if ($line =~ /^---$/) {
				$part = 'old';
				$mutation{old} = $mutation{new} = '';
			} elsif ($line =~ /^(name|file|program|why):\s*(.*?)\s*$/) {
				$mutation{$1} = $2;
			} else {
				die "$path: what is \"$line\"?\n";
			}
		} elsif ($line =~ /^\+\+\+$/) {
			$part = 'new';
		} elsif ($line =~ /^===$/) {
			for my $key (qw(name file program)) {
				die "$path: a mutation has no $key\n" unless defined $mutation{$key};
			}
			die "$path: $mutation{name}: why?\n" if $mutation{program} eq 'none' && !defined $mutation{why};
			push @mutations, {%mutation};
			%mutation = ();
			$part = 'head';
		} else {
			$mutation{$part} .= $line;
		}
	}
	die "$path: does not end with ===\n" if $part ne 'head' || %mutation;
	return @mutations;
}

sub write_if_changed
{
	my ($path, $text) = @_;
	return if -e $path && slurp($path) eq $text;
	make_path(dirname($path));
	open(my $out, '>', $path) or die "$path: $!\n";
	print $out $text;
	close($out) or die "$path: $!\n";
}

sub mutated
{
	my ($text, $mutation) = @_;
	my $first = index($text, $mutation->{old});
	die "$mutation->{name}: the old text is not in $mutation->{file}\n" if $first < 0;
	die "$mutation->{name}: the old text is in $mutation->{file} more than once\n"
		if index($text, $mutation->{old}, $first + 1) >= 0;
	substr($text, $first, length $mutation->{old}) = $mutation->{new};
	return $text;
}

sub copy_tree
{
	my ($tree, $copy, $mutation) = @_;
	for my $part (qw(include src)) {
		find({ no_chdir => 1, wanted => sub {
			return unless -f $_;
			my $name = substr($_, length($tree) + 1);
			my $text = slurp($_);
			$text = mutated($text, $mutation) if defined $mutation && $mutation->{file} eq $name;
			write_if_changed("$copy/$name", $text);
		} }, "$tree/$part");
	}
}

die "usage: mutate.pl TREE --list | mutate.pl TREE NAME COPY\n" unless @ARGV >= 2;
my ($tree, $wanted, $copy) = @ARGV;
my %mutations;
my @order;
for my $path (sort glob("$tree/prove/mutations/*.txt")) {
	for my $mutation (read_mutations($path)) {
		die "$mutation->{name} is there twice\n" if $mutations{$mutation->{name}};
		$mutations{$mutation->{name}} = $mutation;
		push @order, $mutation;
	}
}
if ($wanted eq '--list') {
	# each must still fit, whether it is tried today or not
	for my $mutation (@order) {
		mutated(slurp("$tree/$mutation->{file}"), $mutation);
		print "$mutation->{name} $mutation->{program}", defined $mutation->{why} ? " # $mutation->{why}" : '', "\n";
	}
	exit 0;
}
die "there is no mutation $wanted\n" unless $wanted eq 'none' || $mutations{$wanted};
copy_tree($tree, $copy, $mutations{$wanted});
