"""A program of SQLAlchemy's asyncio engine, which runs its ORM in greenlets: started by test_sqlalchemy.py.

It keeps a shop in the SQLite file that its argument names, checks each thing that it does, and prints how many ORM
operations (queries and rows written) that were.
"""

import asyncio
import sys

from sqlalchemy import ForeignKey, delete, event, func, select, update
from sqlalchemy.exc import IntegrityError, MissingGreenlet, StatementError
from sqlalchemy.ext.asyncio import AsyncAttrs, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, joinedload, mapped_column, relationship, selectinload

import greenlet

CUSTOMERS = 100
ORDERS = 3
done = 0


class Base(AsyncAttrs, DeclarativeBase):
    """The tables."""


class Customer(Base):
    """Somebody, with orders that are loaded when they are asked for."""

    __tablename__ = "customer"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    orders: Mapped[list["Order"]] = relationship(back_populates="customer", order_by="Order.cents")


class Order(Base):
    """What somebody is to pay."""

    __tablename__ = "order"
    id: Mapped[int] = mapped_column(primary_key=True)
    cents: Mapped[int]
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    customer: Mapped[Customer] = relationship(back_populates="orders")


@event.listens_for(Session, "do_orm_execute")
def _count_query(_):
    global done
    done += 1


@event.listens_for(Session, "after_flush")
def _count_rows(session, _):
    global done
    done += len(session.new) + len(session.dirty) + len(session.deleted)


def _hurry(connection, _):
    # Nothing here need survive a power cut; and a writer that waits for another one sleeps.
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA journal_mode = MEMORY")


def total(number):
    """What a customer's orders come to."""
    return sum(number * 100 + place for place in range(ORDERS))


async def fill(sessions):
    """Concurrent sessions that write."""

    async def add(number):
        async with sessions() as session, session.begin():
            orders = [Order(cents=number * 100 + place) for place in range(ORDERS)]
            session.add(Customer(name=f"customer {number}", orders=orders))

    for start in range(0, CUSTOMERS, 10):
        await asyncio.gather(*(add(number) for number in range(start, start + 10)))
    async with sessions() as session:
        assert await session.scalar(select(func.count()).select_from(Customer)) == CUSTOMERS
        assert await session.scalar(select(func.sum(Order.cents))) == sum(map(total, range(CUSTOMERS)))


async def load_lazily(sessions):
    """A relationship is loaded by a switch out of the greenlet that run_sync runs in; without one it is refused."""
    async with sessions() as session:
        customer = await session.scalar(select(Customer).where(Customer.name == "customer 7"))
        try:
            print(customer.orders)
        except StatementError as refusal:
            assert isinstance(refusal.orig, MissingGreenlet)
        else:
            raise AssertionError("the orders were loaded without a greenlet")
        assert [order.cents for order in await customer.awaitable_attrs.orders] == [700, 701, 702]

    def sums(session):
        return {c.name: sum(o.cents for o in c.orders) for c in session.scalars(select(Customer))}

    async with sessions() as session:
        found = await session.run_sync(sums)
    assert found == {f"customer {number}": total(number) for number in range(CUSTOMERS)}


async def load_eagerly(sessions):
    """Concurrent sessions that read, with the relationship loaded at once, in both ways and from both sides."""

    async def one(number, load):
        async with sessions() as session:
            query = select(Customer).options(load(Customer.orders)).where(Customer.name == f"customer {number}")
            customer = (await session.scalars(query)).unique().one()
            assert sum(order.cents for order in customer.orders) == total(number)
            query = select(Order).options(joinedload(Order.customer)).where(Order.cents == number * 100)
            assert (await session.scalars(query)).one().customer is customer

    for load in (selectinload, joinedload):
        await asyncio.gather(*(one(number, load) for number in range(CUSTOMERS)))
    async with sessions() as session:
        streamed = [c.name async for c in await session.stream_scalars(select(Customer).order_by(Customer.id))]
    assert sorted(streamed) == sorted(f"customer {number}" for number in range(CUSTOMERS))


async def roll_back(sessions):
    """What is rolled back, by hand or by an error, is as it was."""
    async with sessions() as session:
        customer = await session.scalar(select(Customer).where(Customer.name == "customer 1"))
        customer.name = "renamed"
        await session.flush()
        assert await session.scalar(select(Customer.name).where(Customer.id == customer.id)) == "renamed"
        await session.rollback()
        await session.refresh(customer)
        assert customer.name == "customer 1"
        session.add(Customer(name="customer 2"))
        try:
            await session.commit()
        except IntegrityError:
            await session.rollback()
        else:
            raise AssertionError("two customers have one name")
        assert await session.scalar(select(func.count()).select_from(Customer)) == CUSTOMERS


async def change(sessions):
    """Rows changed one by one and in bulk; rows deleted, with errors that cross both kinds of greenlet."""

    async def raise_price(number):
        async with sessions() as session, session.begin():
            await session.execute(update(Order).where(Order.cents == number * 100).values(cents=Order.cents + 50))
            order = await session.scalar(select(Order).where(Order.cents == number * 100 + 50))
            order.cents += 7

    await asyncio.gather(*(raise_price(number) for number in range(0, CUSTOMERS, 2)))

    def fail(session):
        session.execute(delete(Order))
        raise KeyError("inside")

    async with sessions() as session:
        try:
            async with session.begin():
                await session.run_sync(fail)
        except KeyError as error:
            assert error.args == ("inside",)
        assert await session.scalar(select(func.count()).where(Order.cents % 100 == 57)) == CUSTOMERS // 2
        for customer in (await session.scalars(select(Customer).options(selectinload(Customer.orders)))).all()[:10]:
            for order in customer.orders:
                await session.delete(order)
            await session.delete(customer)
        await session.commit()
        assert await session.scalar(select(func.count()).select_from(Order)) == (CUSTOMERS - 10) * ORDERS


async def main(path):
    """All of it, against a new file."""
    engine = create_async_engine(f"sqlite+aiosqlite:///{path}", connect_args={"timeout": 60})
    event.listen(engine.sync_engine, "connect", _hurry)
    sessions = async_sessionmaker(engine, expire_on_commit=False)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    for step in (fill, load_lazily, load_eagerly, roll_back, change):
        await step(sessions)
    await engine.dispose()
    print(f"{done} operations with greenlet of {greenlet.greenlet.__module__}, {greenlet.getcurrent.__module__}")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
