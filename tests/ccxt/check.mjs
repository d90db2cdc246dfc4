// ccxt's own view of venuesim: markets, book, orders, fills, positions. argv: port. Prints ok/FAIL lines and a closing line.
import ccxt from 'ccxt';

const port = process.argv[2];
const symbol = 'BTC/USDT:USDT';
let passed = 0;
let failed = 0;

function ok(name, condition, detail) {
  if (condition) passed += 1;
  else failed += 1;
  console.log((condition ? 'ok ' : 'FAIL ') + name + (condition ? '' : '  ' + String(detail === undefined ? '' : JSON.stringify(detail)).slice(0, 400)));
}

// every URL of the client that could leave the machine is pointed at the venue under test
function point(exchange) {
  const base = `https://localhost:${port}`;
  for (const [name, url] of Object.entries(exchange.urls.api)) {
    if (typeof url !== 'string') continue;
    const path = name.startsWith('fapi') ? url.replace(/^https:\/\/[^/]+/, '') : '/not-simulated';
    exchange.urls.api[name] = base + path;
  }
  if (exchange.urls.api.ws) exchange.urls.api.ws.future = `wss://localhost:${port}/ws`;
  return exchange;
}

function client(Class, secret) {
  return point(new Class({
    apiKey: 'ccxt-test-key', secret, enableRateLimit: false, timeout: 10000,
    options: { fetchCurrencies: false, defaultType: 'swap', fetchMarkets: { types: ['linear'] }, watchOrderBookLimit: 1000, watchTrades: { name: 'aggTrade' },
      watchTradesForSymbols: { name: 'aggTrade' } },
  }));
}

async function step(name, body) {
  try {
    return await body();
  } catch (error) {
    ok(name, false, `${error.constructor.name}: ${error.message}`);
    return undefined;
  }
}

const ex = client(ccxt.binanceusdm, 'ccxt-test-secret');

async function market() {
  const markets = await ex.loadMarkets();
  const m = markets[symbol];
  ok('loadMarkets', m !== undefined && Object.keys(markets).length > 1, Object.keys(markets));
  ok('tick and step', m.precision.price === 0.1 && m.precision.amount === 0.001 && m.limits.cost.min === 50, [m.precision, m.limits.cost]);
  const book = await ex.fetchOrderBook(symbol, 20);
  ok('fetchOrderBook', book.bids.length === 20 && book.asks.length === 20 && book.bids[0][0] < book.asks[0][0] && book.nonce > 0, book);
  const ticker = await ex.fetchTicker(symbol);
  ok('fetchTicker', ticker.last > 0 && ticker.symbol === symbol, ticker);
  const trades = await ex.fetchTrades(symbol, undefined, 50);
  ok('fetchTrades', trades.length > 0 && trades[0].price > 0, trades.length);
  const bars = await ex.fetchOHLCV(symbol, '1m', undefined, 10);
  ok('fetchOHLCV', bars.length > 0 && bars[0].length === 6, bars);
  const funding = await ex.fetchFundingRate(symbol);
  ok('fetchFundingRate', funding.markPrice > 0 && funding.fundingTimestamp > Date.now(), funding);
}

async function resting() {
  const bid = (await ex.fetchOrderBook(symbol, 5)).bids[0][0];
  const px = Math.round(bid * 0.985 * 10) / 10;
  const limit = await ex.createOrder(symbol, 'limit', 'buy', 0.01, px, { clientOrderId: 'ccxt-limit-1' });
  ok('createOrder limit', limit.id !== undefined && limit.clientOrderId === 'ccxt-limit-1', limit);
  const maker = await ex.createOrder(symbol, 'limit', 'buy', 0.01, px - 10, { postOnly: true });
  ok('createOrder post-only', maker.timeInForce === 'GTX' || maker.timeInForce === 'PO' || maker.postOnly === true, maker);
  await step('post-only that would take is refused', async () => {
    try {
      await ex.createOrder(symbol, 'limit', 'buy', 0.01, Math.round(bid * 1.01 * 10) / 10, { postOnly: true });
      ok('post-only that would take is refused', false, 'accepted');
    } catch (error) {
      ok('post-only that would take is refused', error.message.includes('-5022'), error.message);
    }
  });
  const open = await ex.fetchOpenOrders(symbol);
  ok('fetchOpenOrders', open.length === 2 && open.every((o) => o.status === 'open'), open.map((o) => o.id));
  const edited = await ex.editOrder(limit.id, symbol, 'limit', 'buy', 0.012, px + 5);
  ok('editOrder', edited.id === limit.id && edited.amount === 0.012 && Math.abs(edited.price - (px + 5)) < 0.01, edited);
  const fetched = await ex.fetchOrder(limit.id, symbol);
  ok('fetchOrder', fetched.amount === 0.012 && fetched.status === 'open', fetched);
  const cancelled = await ex.cancelOrder(limit.id, symbol);
  ok('cancelOrder', cancelled.status === 'canceled', cancelled);
  await ex.cancelAllOrders(symbol);
  ok('cancelAllOrders', (await ex.fetchOpenOrders(symbol)).length === 0);
  try {
    await ex.cancelOrder(limit.id, symbol);
    ok('cancel of a dead order is OrderNotFound', false, 'accepted');
  } catch (error) {
    ok('cancel of a dead order is OrderNotFound', error instanceof ccxt.OrderNotFound, error.message);
  }
}

async function fills() {
  const before = await ex.fetchBalance();
  const order = await ex.createOrder(symbol, 'market', 'buy', 0.02, undefined, { newOrderRespType: 'RESULT' });
  ok('market order is filled', order.status === 'closed' && order.filled === 0.02, order);
  const trades = await ex.fetchMyTrades(symbol);
  const mine = trades.filter((t) => t.order === order.id);
  const amount = mine.reduce((sum, t) => sum + t.amount, 0);
  ok('fetchMyTrades', mine.length > 0 && Math.abs(amount - 0.02) < 1e-9 && mine.every((t) => t.fee.cost > 0 && t.takerOrMaker === 'taker'), mine);
  const positions = await ex.fetchPositions([symbol]);
  ok('fetchPositions', positions.length === 1 && positions[0].contracts === 0.02 && positions[0].side === 'long', positions);
  const after = await ex.fetchBalance();
  const fees = mine.reduce((sum, t) => sum + t.fee.cost, 0);
  const wallet = (balance) => Number(balance.info.totalWalletBalance);
  ok('fetchBalance', before.USDT.total > 0 && after.USDT.total > 0, [before.USDT, after.USDT]);
  ok('the wallet follows the commission', Math.abs(wallet(before) - fees - wallet(after)) < 1e-6, [wallet(before), wallet(after), fees]);
  await ex.createOrder(symbol, 'market', 'sell', 0.02, undefined, { reduceOnly: true });
  const flat = await ex.fetchPositions([symbol]);
  ok('reduce-only close', flat.every((p) => !p.contracts), flat);
}

async function refusals() {
  const wrong = client(ccxt.binanceusdm, 'not-the-secret');
  wrong.setMarketsFromExchange ? wrong.setMarketsFromExchange(ex) : await wrong.loadMarkets();
  try {
    await wrong.fetchBalance();
    ok('wrong secret is AuthenticationError', false, 'accepted');
  } catch (error) {
    ok('wrong secret is AuthenticationError', error instanceof ccxt.AuthenticationError, `${error.constructor.name} ${error.message}`);
  }
  try {
    await ex.createOrder(symbol, 'limit', 'buy', 9, (await ex.fetchOrderBook(symbol, 5)).bids[0][0] - 100);
    ok('too large an order is refused for its margin', false, 'accepted');
  } catch (error) {
    // ccxt names the class InsufficientFunds only for the production host names; the code is what counts here
    ok('too large an order is refused for its margin', error.message.includes('-2019'), `${error.constructor.name} ${error.message}`);
  }
}

async function streams() {
  const pro = client(ccxt.pro.binanceusdm, 'ccxt-test-secret');
  const within = (promise) => Promise.race([promise, new Promise((_, no) => { setTimeout(() => no(new Error('no answer in 10 s')), 10000); })]);
  try {
    let book;
    for (let k = 0; k < 5; k += 1) book = await within(pro.watchOrderBook(symbol));
    ok('pro.watchOrderBook', book.bids.length > 10 && book.bids[0][0] < book.asks[0][0], book.bids.length);
    const trades = await within(pro.watchTrades(symbol));
    ok('pro.watchTrades', trades.length > 0 && trades[0].price > 0, trades);
    const watched = within(pro.watchOrders(symbol));
    setTimeout(() => { ex.createOrder(symbol, 'market', 'buy', 0.01).catch(() => {}); }, 1500);
    const orders = await watched;
    ok('pro.watchOrders', orders.length > 0 && orders[0].symbol === symbol, orders);
  } finally {
    await pro.close();
  }
}

await step('market data', market);
await step('resting orders', resting);
await step('fills', fills);
await step('refusals', refusals);
await step('streams', streams);
await ex.close?.();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
