moving-failed = 操作没有成功，内容没有变化，请再试一次。
moving-lost = 暂时无法连接商店。页面内容会保留，我们会继续尝试。
moving-back = 已重新连接商店。
moving-suggestions = # 条建议，用方向键选择。
drawer-close = 关闭
drawer-cart = 查看购物车
drawer-adding = 正在加入…
cart-said = 购物车中有 { $items }，合计 { $total }。
cart-less = 减少一件{ $name }
cart-more = 增加一件{ $name }
list-shown = { $count ->
    [0] 没有符合条件的商品。
   *[other] 显示 { $count } 件商品。
}
