# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import timedelta

from evict.systems.exchange.access import IIS, PROXY, Line, Log, bare, columns, parse
from evict.systems.exchange.marks import Marks
from tests.unit.systems.exchange.samples import ANN, AT


def line(second: float, status: int = 200, protocol: str = "owa") -> Line:
    return Line(at=AT + timedelta(seconds=second), protocol=protocol, user="ann", status=status)


def log(*lines: Line) -> Log:
    return Log(server="ex01", lines=lines)


def test_lines_are_read_and_what_is_none_is_left_out() -> None:
    rows = (
        "#Fields: DateTime,Server,Protocol,AuthenticatedUser,HttpStatus,UrlStem",
        "2026-11-24T10:00:01.250Z,EX01,Eas,CORP\\Ann,200,/Microsoft-Server-ActiveSync?Cmd=Ping,x",
        "2026-11-24T10:00:02Z,EX01,PowerShell,CORP\\Ann,200,/PowerShell",
        "2026-11-24T10:00:02Z,EX01,Owa,ann@corp.example,,/owa",
        "half,a",
        "",
    )
    (seen,) = parse(rows)
    assert (seen.protocol, seen.user, seen.status) == ("activesync", "ann", 200)
    assert seen.at == AT + timedelta(seconds=1.25)


def test_the_log_of_2010_is_read_too() -> None:
    rows = (
        "2026-11-24 10:00:01 W3SVC1 POST /Microsoft-Server-ActiveSync CORP\\ann 200",
        "2026-11-24 10:00:02 W3SVC1 POST /EWS/Exchange.asmx - 401",
        "2026-11-24 10:00:02 W3SVC1 GET /favicon.ico - 404",
    )
    first, second = parse(rows, IIS)
    assert (first.protocol, first.user, first.at) == (
        "activesync",
        "ann",
        AT + timedelta(seconds=1),
    )
    assert (second.protocol, second.served) == ("ews", False)


def test_a_files_own_heading_says_where_things_stand() -> None:
    heading = "#Fields: DateTime,RequestId,Protocol,UrlStem,AuthenticatedUser,HttpStatus"
    (seen,) = parse(['2026-11-24T10:00:01Z,"a,b",Owa,/owa/,CORP\\ann,200'], columns(heading, PROXY))
    assert (seen.protocol, seen.user, seen.status) == ("owa", "ann", 200)
    web = "#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username sc-status"
    (seen,) = parse(
        ["2026-11-24 10:00:01 10.0.0.1 POST /owa/ - 443 CORP\\ann 440"], columns(web, IIS)
    )
    assert (seen.protocol, seen.status) == ("owa", 440)
    assert columns("#Fields: DateTime,Protocol", PROXY) is PROXY
    assert columns("", IIS) is IIS


def test_lines_of_one_second_are_told_apart_by_their_number() -> None:
    marks = Marks()
    marks.shut(ANN.id, log(line(1), line(1)))
    (seen,) = marks.served(ANN.id, log(line(1), line(1), line(1)))
    assert seen.count == 1


def test_one_name_in_three_spellings() -> None:
    assert {bare("CORP\\ann"), bare("Ann@corp.example"), bare("ANN")} == {"ann"}


def test_what_was_served_before_all_was_shut_does_not_count() -> None:
    marks, seen = Marks(), log(line(1), line(2))
    assert marks.served(ANN.id, seen) == ()
    marks.shut(ANN.id, seen)
    assert marks.served(ANN.id, seen) == ()
    (still,) = marks.served(ANN.id, log(line(1), line(2), line(3), line(4)))
    assert (still.pool, still.count, still.recycled) == ("MSExchangeOWAAppPool", 2, False)


def test_a_second_look_does_not_move_the_mark() -> None:
    marks = Marks()
    marks.shut(ANN.id, log(line(1)))
    marks.shut(ANN.id, log(line(1), line(2)))
    assert marks.served(ANN.id, log(line(1), line(2)))


def test_refusals_after_the_last_yes_say_that_it_is_over() -> None:
    marks = Marks()
    marks.shut(ANN.id, log())
    assert marks.served(ANN.id, log(line(1), line(2, 401)))
    assert not marks.served(ANN.id, log(line(1), line(2, 401), line(3, 401)))


def test_a_recycled_pool_that_serves_again_is_told_so() -> None:
    marks, seen = Marks(), log(line(1), line(2))
    marks.shut(ANN.id, log(line(1)))
    assert marks.served(ANN.id, seen)
    marks.recycled(ANN.id, seen, "owa")
    assert marks.served(ANN.id, seen) == ()
    (again,) = marks.served(ANN.id, log(line(1), line(2), line(3)))
    assert again.recycled


def test_an_account_that_is_open_again_has_no_marks() -> None:
    marks = Marks()
    marks.shut(ANN.id, log())
    marks.recycled(ANN.id, log(), "owa")
    marks.forget(ANN.id)
    assert marks.served(ANN.id, log(line(1))) == ()
    marks.shut(ANN.id, log(line(1)))
    (seen,) = marks.served(ANN.id, log(line(1), line(2)))
    assert not seen.recycled
